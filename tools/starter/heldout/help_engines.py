"""Held-out questions about other engines, providers and their keys. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "add_ollama": {
        "en": (
            "I already run ollama serve. Will its models be offered here?",
            "Hook up an existing Ollama",
            "Ollama on my NAS, how's Batuta told about it?",
            "Ollama isn't listed among the servers",
            "Share my Ollama library with Batuta",
        ),
        "pt": (
            "Já rodo ollama serve. Os modelos dele serão oferecidos aqui?",
            "Plugar um Ollama existente",
            "Ollama no meu NAS, como conto ao Batuta?",
            "O Ollama não está listado entre os servidores",
            "Compartilhar minha biblioteca do Ollama com o Batuta",
        ),
    },
    "add_lm_studio": {
        "en": (
            "LM Studio is open on my desktop. Would Batuta notice?",
            "Hook up an existing LM Studio",
            "I downloaded everything by LM Studio; reuse it here?",
            "Batuta ignores my lmstudio server",
            "lmstudio integration steps",
        ),
        "pt": (
            "O LM Studio está aberto no meu desktop. O Batuta percebe?",
            "Plugar um LM Studio existente",
            "Baixei tudo pelo LM Studio; reaproveito aqui?",
            "O Batuta ignora meu servidor lmstudio",
            "Passos da integração com lmstudio",
        ),
    },
    "add_llama_server": {
        "en": (
            "I compiled llama.cpp myself and serve with it. Combine with Batuta?",
            "Hook up an existing llama-server process",
            "My llama-server listens on 9090, let Batuta know",
            "Can an external llama.cpp be kept?",
            "llama-server integration steps",
        ),
        "pt": (
            "Compilei o llama.cpp eu mesmo e sirvo com ele. Combina com o Batuta?",
            "Plugar um processo llama-server existente",
            "Meu llama-server escuta na 9090, avisa o Batuta",
            "Um llama.cpp externo pode ser mantido?",
            "Passos da integração com llama-server",
        ),
    },
    "add_vllm": {
        "en": (
            "Our lab serves models by vLLM. Put Batuta in front?",
            "Hook up an existing vLLM deployment",
            "Vllm serve is listening on 8000; anything to do?",
            "Combining vLLM and Batuta, how?",
            "Is vLLM among the supported backends?",
        ),
        "pt": (
            "Nosso laboratório serve modelos com vLLM. Ponho o Batuta na frente?",
            "Plugar uma instalação vLLM existente",
            "Vllm serve escuta na 8000; tenho que fazer algo?",
            "Combinar vLLM e Batuta, como?",
            "O vLLM está entre os backends suportados?",
        ),
    },
    "safetensors": {
        "en": (
            "I fine-tuned with transformers and have a safetensors directory. Usable?",
            "Weights in .safetensors instead of gguf: problem?",
            "Model.safetensors lies here, how to make it answer?",
            "Are PyTorch checkpoints accepted?",
            "The repo only offers safetensors shards",
        ),
        "pt": (
            "Fiz fine-tuning com transformers e tenho um diretório safetensors. Serve?",
            "Pesos em .safetensors em vez de gguf: problema?",
            "Tem um model.safetensors aqui, como faço ele responder?",
            "Checkpoints PyTorch são aceitos?",
            "O repositório só oferece pedaços safetensors",
        ),
    },
    "add_provider": {
        "en": (
            "My company has an OpenAI-compatible API at a private URL. Include it",
            "How can a hosted service appear among my models?",
            "I'd like DeepSeek's API in the list too",
            "Where are servers written in config.toml?",
            "Mixing local and cloud: how do I get the cloud part in?",
        ),
        "pt": (
            "Minha empresa tem uma API compatível com OpenAI em uma URL privada. Inclui ela",
            "Como um serviço hospedado aparece entre meus modelos?",
            "Queria a API do DeepSeek na lista também",
            "Onde se escrevem servidores no config.toml?",
            "Misturar local e nuvem: como ponho a parte da nuvem?",
        ),
    },
    "add_key": {
        "en": (
            "I bought access to Mistral and got a secret string. Where does Batuta want it?",
            "Register a credential for a cloud provider",
            "Let Batuta use my paid account's token",
            "Entering sk-... somewhere: which place?",
            "How does Batuta learn the secret of an external API?",
        ),
        "pt": (
            "Comprei acesso à Mistral e recebi um texto secreto. Onde o Batuta quer ele?",
            "Registrar uma credencial de um provedor da nuvem",
            "Deixar o Batuta usar o token da minha conta paga",
            "Colocar sk-... em algum canto: em qual lugar?",
            "Como o Batuta fica sabendo o segredo de uma API externa?",
        ),
    },
    "keys_safe": {
        "en": (
            "How is a secret credential guarded here?",
            "If someone reads config.toml, will they find my OpenAI secret?",
            "I fear credential theft; reassure me",
            "Do credentials travel to anyone but their provider?",
            "At rest, what shape does a stored secret have?",
        ),
        "pt": (
            "Como uma credencial secreta é guardada aqui?",
            "Se alguém ler o config.toml, acha meu segredo da OpenAI?",
            "Tenho medo de roubo de credencial; me tranquiliza",
            "Credenciais viajam para alguém além do provedor delas?",
            "Parado no disco, em que forma fica um segredo?",
        ),
    },
}
