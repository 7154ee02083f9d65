"""Held-out questions about where models come from. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "first_model": {
        "en": (
            "Batuta is started but nothing is there to talk to. What should I add first?",
            "Which options do I have to obtain an initial model?",
            "My catalog is blank, how to fill it?",
            "I'd like something smarter than you, where do I begin?",
            "A beginner without models asks: what next?",
        ),
        "pt": (
            "O Batuta está ligado mas não há com quem conversar. O que adiciono primeiro?",
            "Que opções eu tenho para obter um modelo inicial?",
            "Meu catálogo está em branco, como preencho?",
            "Queria algo mais esperto que você, por onde começo?",
            "Um iniciante sem modelos pergunta: qual o próximo passo?",
        ),
    },
    "gguf_where": {
        "en": (
            "My gguf sits in Downloads. What is its proper place?",
            "Destination for gguf weights?",
            "Into which directory must a .gguf be copied so Batuta sees it?",
            "Got some gguf weights from the internet, how will Batuta find them?",
            "After dropping a gguf in, is a restart needed?",
        ),
        "pt": (
            "Meu gguf está em Downloads. Qual é o lugar certo dele?",
            "Destino dos pesos gguf?",
            "Em qual diretório se copia um .gguf para o Batuta enxergar?",
            "Peguei uns pesos gguf na internet, como o Batuta vai achar?",
            "Depois de soltar um gguf ali, precisa reiniciar?",
        ),
    },
    "models_folder": {
        "en": (
            "All the weights are on /mnt/big; can Batuta watch that directory too?",
            "Point Batuta to a directory full of models",
            "Is it allowed to have models spread over two directories?",
            "How does one register an extra directory with models?",
            "I'd rather keep model files outside of the data folder",
        ),
        "pt": (
            "Todos os pesos estão em /mnt/big; o Batuta consegue vigiar esse diretório também?",
            "Apontar o Batuta para um diretório cheio de modelos",
            "Pode haver modelos espalhados por dois diretórios?",
            "Como se registra um diretório extra com modelos?",
            "Prefiro manter os arquivos de modelo fora da pasta de dados",
        ),
    },
    "pull": {
        "en": (
            "Retrieve Qwen from the hub, which command is it?",
            "I have internet but no file yet: can Batuta do the downloading?",
            "Interrupted transfer of a model, will it continue where it was?",
            "Is the checksum verified when Batuta downloads?",
            "Equivalent of ollama pull here?",
        ),
        "pt": (
            "Trazer o Qwen do hub, qual é o comando?",
            "Tenho internet mas nenhum arquivo: o Batuta faz o download?",
            "A transferência do modelo caiu, ela continua de onde parou?",
            "A soma de verificação é conferida quando o Batuta baixa?",
            "Equivalente ao ollama pull aqui?",
        ),
    },
    "starter_pair": {
        "en": (
            "Those bundled mini models, can they be left out?",
            "Why do I see starter-brain and starter-coder?",
            "Purpose of the two demonstration models in the box?",
            "Once I own real models, how do I drop the bundled ones?",
            "Say something about the pair of models in the package",
        ),
        "pt": (
            "Esses mini modelos embutidos podem ficar de fora?",
            "Por que vejo starter-brain e starter-coder?",
            "Finalidade dos dois modelos de demonstração da caixa?",
            "Quando eu tiver modelos de verdade, como descarto os embutidos?",
            "Fala algo sobre o par de modelos do pacote",
        ),
    },
}
