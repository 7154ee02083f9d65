"""What starter-brain knows about other engines, providers and their keys. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="add_ollama",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (add|connect|use) (Ollama|my Ollama|Ollama models)(|?)"),
                "(Add|Connect|Use) (Ollama|my Ollama|Ollama models)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (Ollama|OLLAMA_BASE_URL|my Ollama models)(|?)",
                "(Can I|Could I|Is there a way to) (add|connect|use) (Ollama|my Ollama|Ollama models)?",
                "(Ollama|OLLAMA_BASE_URL|My Ollama models)(|?| please| help)",
                "(What's the|Is there a) (way|command) to (add|connect|use) (Ollama|my Ollama|Ollama models)?",
                "(Does|Can|Will) Batuta (find|see|use|work with) (Ollama|my Ollama)(|?)",
                "(My Ollama models|Ollama|The models of Ollama) (do|does) not (show up|appear)(|?)",
                "Ollama (runs|is) (on another machine|on another port|elsewhere)(|, what now)",
                "(How do I|How can I|How to|How would I) (set|use) OLLAMA_BASE_URL(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (adicionar|conectar|usar) (o Ollama|meu "
                    "Ollama|modelos do Ollama)"
                ),
                "(Adicionar|Conectar|Usar) (o Ollama|meu Ollama|modelos do Ollama)(|, por favor| por favor)",
                ("(O que é|Me explica|Me fala sobre|O que seria) (Ollama|OLLAMA_BASE_URL|meus modelos do Ollama)(|?)"),
                "(Ollama|OLLAMA_BASE_URL|Meus modelos do Ollama)(|?| por favor| ajuda)",
                "(Me conta|Explica) (mais|algo) sobre (Ollama|OLLAMA_BASE_URL|meus modelos do Ollama)",
                (
                    "(Quero|Preciso|Gostaria de|Queria) (adicionar|conectar|usar) (o Ollama|meu "
                    "Ollama|modelos do Ollama)"
                ),
                "O Batuta (acha|vê|usa|funciona com) (o Ollama|meu Ollama)(|?)",
                "(Meus modelos do Ollama|Os do Ollama|Os modelos Ollama) não (aparecem|surgem)(|?)",
                "O Ollama (roda|está) (em outra máquina|em outra porta|em outro lugar)(|, e agora)",
                "(Como|Como faço para|Como posso|Como é que dá para) (definir|usar) OLLAMA_BASE_URL(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Batuta looks for Ollama at its usual address, port 11434, by itself. If it is "
                    "elsewhere, set `OLLAMA_BASE_URL`, or use Add a server on the page."
                ),
            ),
            "pt": (
                (
                    "O Batuta procura o Ollama no endereço normal, porta 11434, sozinho. Se ele está em "
                    "outro lugar, defina `OLLAMA_BASE_URL`, ou use Adicionar um servidor na página."
                ),
            ),
        },
        facts={
            "en": (
                "Ollama",
                "11434",
            ),
            "pt": (
                "Ollama",
                "11434",
            ),
        },
    ),
    Topic(
        id="add_lm_studio",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (add|connect|use) (LM Studio|LMStudio|LM Studio models)(|?)"),
                "(Add|Connect|Use) (LM Studio|LMStudio|LM Studio models)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (LM Studio|LMSTUDIO_BASE_URL|lmstudio)(|?)",
                ("(What's the|Is there a) (way|command) to (add|connect|use) (LM Studio|LMStudio|LM Studio models)?"),
                "(LM Studio|LMSTUDIO_BASE_URL|Lmstudio)(|?| please| help)",
                ("(How does one|How do you|How do people) (add|connect|use) (LM Studio|LMStudio|LM Studio models)(|?)"),
                "(Does|Can|Will) Batuta (find|see|use|work with) (LM Studio|LMStudio)(|?)",
                "(My LM Studio models|The models of LM Studio) (do not|don't) (show up|appear)(|?)",
                "LM Studio (runs|is) (on another machine|on another port|elsewhere)(|, what now)",
                "(How do I|How can I|How to|How would I) (set|use) LMSTUDIO_BASE_URL(|?)",
            ),
            "pt": (
                ("(Como|Como faço para) (adicionar|conectar|usar) (o LM Studio|o LMStudio|modelos do LM Studio)(|?)"),
                ("(Adicionar|Conectar|Usar) (o LM Studio|o LMStudio|modelos do LM Studio)(|, por favor| por favor)"),
                "(O que é|Me explica|Me fala sobre|O que seria) (LM Studio|LMSTUDIO_BASE_URL|lmstudio)(|?)",
                "(LM Studio|LMSTUDIO_BASE_URL|Lmstudio)(|?| por favor| ajuda)",
                ("(Quero|Preciso|Me ajuda a) (adicionar|conectar|usar) (o LM Studio|o LMStudio|modelos do LM Studio)"),
                "(E sobre|E aí,|E) (LM Studio|LMSTUDIO_BASE_URL|lmstudio)?",
                "O Batuta (acha|vê|usa|funciona com) (o LM Studio|o LMStudio)(|?)",
                "(Meus modelos do LM Studio|Os modelos LM Studio) não (aparecem|surgem)(|?|, por quê)",
                "O LM Studio (roda|está) (em outra máquina|em outra porta|em outro lugar)(|, e agora)",
                "(Como|Como faço para|Como posso|Como é que dá para) (definir|usar) LMSTUDIO_BASE_URL(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Start the server in LM Studio; Batuta looks for it on port 1234 by itself. If it is "
                    "elsewhere, set `LMSTUDIO_BASE_URL`, or use Add a server on the page."
                ),
            ),
            "pt": (
                (
                    "Inicie o servidor no LM Studio; o Batuta o procura na porta 1234 sozinho. Se ele "
                    "está em outro lugar, defina `LMSTUDIO_BASE_URL`, ou use Adicionar um servidor na "
                    "página."
                ),
            ),
        },
        facts={
            "en": (
                "LM Studio",
                "1234",
            ),
            "pt": (
                "LM Studio",
                "1234",
            ),
        },
    ),
    Topic(
        id="add_llama_server",
        ask={
            "en": (
                ("(How do I|How can I|How to) (add|connect|use) (a llama-server|llama-server|my llama.cpp server)(|?)"),
                "(Add|Connect|Use) (a llama-server|llama-server|my llama.cpp server)(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (llama-server|the llama.cpp server|llama.cpp server)(|?)"),
                "(Llama-server|The llama.cpp server|Llama.cpp server)(|?| please| help)",
                ("(I want to|Help me|I must) (add|connect|use) (a llama-server|llama-server|my llama.cpp server)(|.)"),
                "(What about|How about|And) (llama-server|the llama.cpp server|llama.cpp server)?",
                "(Does|Can|Will) Batuta (find|see|use|work with) (llama-server|a llama.cpp server)(|?)",
                ("(Llama-server|My llama.cpp server) (runs|is running|is) (already|on another port)(|, what now)"),
                "(Llama.cpp|Llama-server|Llamacpp|Llama cpp)(|?| server)",
                ("(How do I|How can I|How to|How would I) (register|attach) (llama-server|a llama.cpp server)(|?)"),
            ),
            "pt": (
                ("(O que é|Explica|Me fala sobre) (llama-server|o servidor llama.cpp|servidor do llama.cpp)(|?)"),
                "(Llama-server|O servidor llama.cpp|Servidor do llama.cpp)(|?| por favor| ajuda)",
                (
                    "(Quero|Preciso) (adicionar|conectar|usar) (um llama-server|o llama-server|meu "
                    "servidor llama.cpp)(|.)"
                ),
                ("(Informação|Detalhes|Ajuda) sobre (llama-server|o servidor llama.cpp|servidor do llama.cpp)(|?)"),
                (
                    "(Dá para|Tem como) (adicionar|conectar|usar) (um llama-server|o llama-server|meu "
                    "servidor llama.cpp)?"
                ),
                (
                    "(Não entendo|Fico confuso com|Não entendi) (llama-server|o servidor "
                    "llama.cpp|servidor do llama.cpp)"
                ),
                "O Batuta (acha|vê|usa|funciona com) (o llama-server|um servidor llama.cpp)(|?)",
                (
                    "(O llama-server|Meu servidor llama.cpp) (já roda|está rodando|está) (aqui|em "
                    "outra porta)(|, e agora)"
                ),
                "(Llama.cpp|Llama-server|Llamacpp|Llama cpp)(|?| servidor)",
                ("(Como|Como faço para|Como eu posso) (registrar|ligar) (o llama-server|um servidor llama.cpp)(|?)"),
            ),
        },
        say={
            "en": (
                (
                    "A llama-server on port 8080 is found by itself. One at another address is added with "
                    "Add a server on the page or as a `[[providers]]` entry with its `base_url`."
                ),
            ),
            "pt": (
                (
                    "Um llama-server na porta 8080 é achado sozinho. Em outro endereço, adicione com "
                    "Adicionar um servidor na página ou como uma entrada `[[providers]]` com o "
                    "`base_url`."
                ),
            ),
        },
        facts={
            "en": (
                r"llama-server|llama\.cpp",
                "8080",
            ),
            "pt": (
                r"llama-server|llama\.cpp",
                "8080",
            ),
        },
    ),
    Topic(
        id="add_vllm",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) (add|connect|use) (vLLM|a vLLM server|my vLLM)(|?)",
                "(Add|Connect|Use) (vLLM|a vLLM server|my vLLM)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (vLLM|a vLLM server|vllm)(|?)",
                "(How does one|How do you|How do people) (add|connect|use) (vLLM|a vLLM server|my vLLM)(|?)",
                ("(Please|Quickly|Now) (tell me how to|show me how to) (add|connect|use) (vLLM|a vLLM server|my vLLM)"),
                "(VLLM|A vLLM server|Vllm)(|?| please| help)",
                "(Does|Can|Will) Batuta (find|see|use|work with) (vLLM|a vLLM server)(|?)",
                "(My vLLM|The vLLM server) (is not found|does not appear|does not show up)(|?|, why)",
                "VLLM (runs|is) (on another machine|on a server|elsewhere)(|, what now)",
                "(How do I|How can I|How to|How would I) (register|attach) (vLLM|a vLLM server|my vLLM)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (adicionar|conectar|usar) (o vLLM|um "
                    "servidor vLLM|meu vLLM)(|?)"
                ),
                "(Adicionar|Conectar|Usar) (o vLLM|um servidor vLLM|meu vLLM)(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (vLLM|um servidor vLLM|vllm)(|?)",
                ("(Quero|Preciso|Gostaria de|Queria) (adicionar|conectar|usar) (o vLLM|um servidor vLLM|meu vLLM)(|.)"),
                "(VLLM|Um servidor vLLM|Vllm)(|?| por favor| ajuda)",
                ("(Dá para|É possível|Tem como|Posso) (adicionar|conectar|usar) (o vLLM|um servidor vLLM|meu vLLM)?"),
                "O Batuta (acha|vê|usa|funciona com) (o vLLM|um servidor vLLM)(|?)",
                "(Meu vLLM|O servidor vLLM) não (foi achado|aparece|surge)(|?|, por quê)",
                "O vLLM (roda|está) (em outra máquina|em um servidor|em outro lugar)(|, e agora)",
                "(Como|Como faço para|Como eu posso) (registrar|ligar) (o vLLM|um servidor vLLM|meu vLLM)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "A vLLM server on port 8000 is found by itself. One at another address is added with "
                    "Add a server on the page, or as a `[[providers]]` entry with `base_url` and "
                    "`is_local = true`."
                ),
            ),
            "pt": (
                (
                    "Um servidor vLLM na porta 8000 é achado sozinho. Em outro endereço, adicione com "
                    "Adicionar um servidor na página, ou como uma entrada `[[providers]]` com `base_url` "
                    "e `is_local = true`."
                ),
            ),
        },
        facts={
            "en": (
                "vLLM",
                "8000",
            ),
            "pt": (
                "vLLM",
                "8000",
            ),
        },
    ),
    Topic(
        id="safetensors",
        ask={
            "en": (
                (
                    "(How do I|How can I|How to) (use|run|load) (safetensors|a safetensors "
                    "model|transformers models)(|?)"
                ),
                "(Use|Run|Load) (safetensors|a safetensors model|transformers models)(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (safetensors|safetensors models|transformers models)(|?)"),
                ("(I want to|Help me|I must) (use|run|load) (safetensors|a safetensors model|transformers models)(|.)"),
                "(Safetensors|Safetensors models|Transformers models)(|?| please| help)",
                "(Can I|May I) (use|run|load) (safetensors|a safetensors model|transformers models)?",
                "(Does|Can|Will) Batuta (run|load|read) (safetensors|transformers models)(|?)",
                ("(My model|The model) is (in safetensors|a safetensors folder|a transformers model)(|, what now)"),
                "(Safetensors|Transformers|Hugging face format|Pytorch model)(|?| support)",
                ("(Convert|Turn) (safetensors|a transformers model|a pytorch model) (to|into) something usable(|?)"),
            ),
            "pt": (
                (
                    "(Como|Como faço para) (usar|rodar|carregar) (safetensors|um modelo "
                    "safetensors|modelos transformers)"
                ),
                (
                    "(O que é|Me explica|Me fala sobre|O que seria) (safetensors|modelos "
                    "safetensors|modelos transformers)"
                ),
                ("(Quero|Preciso) (usar|rodar|carregar) (safetensors|um modelo safetensors|modelos transformers)(|.)"),
                "(Safetensors|Modelos safetensors|Modelos transformers)(|?| por favor| ajuda)",
                ("(Dá para|Tem como) (usar|rodar|carregar) (safetensors|um modelo safetensors|modelos transformers)?"),
                ("(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (safetensors|modelos safetensors|modelos transformers)"),
                "O Batuta (roda|carrega|lê) (safetensors|modelos transformers)(|?| também)",
                ("(Meu|O) modelo está (em safetensors|em uma pasta safetensors|no formato transformers)(|, e agora)"),
                "(Safetensors|Transformers|Formato hugging face|Modelo pytorch)(|?| suporte)",
                ("(Converter|Transformar) (safetensors|um modelo transformers|um modelo pytorch) em algo usável(|?)"),
            ),
        },
        say={
            "en": (
                (
                    "The surest form for Batuta is GGUF, so take the GGUF version of a safetensors model "
                    "if there is one. Otherwise serve it with a program such as vLLM and add that as a "
                    "server."
                ),
            ),
            "pt": (
                (
                    "A forma mais segura para o Batuta é GGUF, então pegue a versão GGUF de um modelo "
                    "safetensors se houver. Senão, sirva-o com um programa como o vLLM e adicione-o como "
                    "servidor."
                ),
            ),
        },
        facts={
            "en": (
                "safetensors",
                "GGUF",
            ),
            "pt": (
                "safetensors",
                "GGUF",
            ),
        },
    ),
    Topic(
        id="add_provider",
        ask={
            "en": (
                ("(How do I|How can I|How to) (add|connect|register) (a provider|an external API|a remote server)(|?)"),
                "(Add|Connect|Register) (a provider|an external API|a remote server)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (providers|external providers|a provider)(|?)",
                ("(I want to|Help me|I must) (add|connect|register) (a provider|an external API|a remote server)(|.)"),
                "(Providers|External providers|A provider)(|?| please| help)",
                "(Can I|May I) (add|connect|register) (a provider|an external API|a remote server)?",
                "(Use|Add) (OpenAI|Groq|OpenRouter|Mistral|a cloud model) (in|through|with) Batuta",
                "(Can I|May I) use (cloud models|remote models|an external API|GPT models) with Batuta?",
                "(Provider|Add server|External api|Cloud api)(|?| how| add)",
                "(Add|Use) (another server|a server on my network|a model on another machine)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para) (adicionar|conectar|registrar) (um provedor|uma API "
                    "externa|um servidor remoto)"
                ),
                ("(O que é|Me explica|Me fala sobre|O que seria) (provedores|provedores externos|um provedor)(|?)"),
                ("(Dá para|Tem como) (adicionar|conectar|registrar) (um provedor|uma API externa|um servidor remoto)?"),
                "(Provedores|Provedores externos|Um provedor)(|?| por favor| ajuda)",
                "(Me conta|Explica) (mais|algo) sobre (provedores|provedores externos|um provedor)",
                "(E sobre|E aí,|E) (provedores|provedores externos|um provedor)?",
                "(Usar|Adicionar) (OpenAI|Groq|OpenRouter|Mistral|um modelo da nuvem) (no|pelo|com o) Batuta",
                ("(Dá para|Tem como) usar (modelos da nuvem|modelos remotos|uma API externa|modelos GPT) no Batuta?"),
                "(Provedor|Adicionar servidor|Api externa|Api da nuvem)(|?| como| adicionar)",
                "(Adicionar|Usar) (outro servidor|um servidor da minha rede|um modelo de outra máquina)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Use Add a server on the page, or put a `[[providers]]` entry with `id`, `base_url` "
                    "and, for its key, `key_env` into the settings file. Its models appear as `id/model`."
                ),
            ),
            "pt": (
                (
                    "Use Adicionar um servidor na página, ou ponha uma entrada `[[providers]]` com `id`, "
                    "`base_url` e, para a chave, `key_env` no arquivo de configuração. Os modelos "
                    "aparecem como `id/modelo`."
                ),
            ),
        },
        facts={
            "en": (
                r"\[\[providers\]\]",
                "base_url",
            ),
            "pt": (
                r"\[\[providers\]\]",
                "base_url",
            ),
        },
    ),
    Topic(
        id="add_key",
        ask={
            "en": (
                ("(How do I|How can I|How to) (add|set|enter|store) (an API key|a provider key|my OpenAI key)(|?)"),
                "(Add|Set|Enter|Store) (an API key|a provider key|my OpenAI key)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (API keys|provider keys|key_env)(|?)",
                ("(Can I|Could I|Is there a way to) (add|set|enter|store) (an API key|a provider key|my OpenAI key)?"),
                "(API keys|Provider keys|Key_env)(|?| please| help)",
                "(Tell me|Explain) (more|something) about (API keys|provider keys|key_env)",
                "Where do I (put|enter|paste|type) my (API key|OpenAI key|provider key)(|?)",
                "(Add key|Api key|New key|Keys page|Key_env)(|?| how)",
                ("I have (an OpenAI key|an API key|a Groq key), (where does it go|how do I add it|what now)(|?)"),
                "(Change|Replace) (the|my) (API key|key) (of a provider|for OpenAI)(|?)",
            ),
            "pt": (
                ("(O que é|Me explica|Me fala sobre|O que seria) (chaves de API|chaves de provedores|key_env)(|?)"),
                "(Chaves de API|Chaves de provedores|Key_env)(|?| por favor| ajuda)",
                "(E sobre|E aí,|E) (chaves de API|chaves de provedores|key_env)?",
                "(Informação|Detalhes|Ajuda) sobre (chaves de API|chaves de provedores|key_env)(|?)",
                "(Não entendo|Fico confuso com|Não entendi) (chaves de API|chaves de provedores|key_env)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (chaves de API|chaves de provedores|key_env)",
                "Onde (coloco|ponho|colo|digito) minha (chave de API|chave da OpenAI|chave do provedor)(|?)",
                "(Adicionar chave|Chave de api|Nova chave|Key_env)(|?| como)",
                (
                    "Tenho (uma chave da OpenAI|uma chave de API|uma chave da Groq), (onde vai|como "
                    "adiciono|e agora)(|?)"
                ),
                "(Mudar|Trocar) (a|minha) (chave de API|chave) (de um provedor|da OpenAI)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Put the key of a provider into an environment variable and name that variable as "
                    "`key_env` of the provider in the settings. The page API keys, in the Settings menu, "
                    "also takes keys."
                ),
            ),
            "pt": (
                (
                    "Ponha a chave do provedor em uma variável de ambiente e diga o nome dela em "
                    "`key_env` do provedor nas configurações. A página Chaves de API, no menu "
                    "Configurações, também aceita chaves."
                ),
            ),
        },
        facts={
            "en": (
                "key_env",
                "API keys",
            ),
            "pt": (
                "key_env",
                "Chaves de API",
            ),
        },
    ),
    Topic(
        id="keys_safe",
        ask={
            "en": (
                "(Are|Will) my (keys|API keys|provider keys) (safe|secure|protected)(|?)",
                "Where are (my|the) (keys|API keys) (kept|stored|saved)(|?)",
                "(How does|How safely does) Batuta (store|protect|keep) (keys|my keys)(|?)",
                "(Are|Is) (the keys|my key|my API key) (encrypted|sealed|in plain text)(|?)",
                "(Who|Which program) can (see|read|get) my (API keys|keys)(|?)",
                "(Key storage|Key security|Key safety|Are keys safe)(|?| please)",
                "(Could|Can) my (key|API key) (leak|be stolen|end up in a log)(|?)",
                "(Do|Does) (the logs|Batuta|a log) (show|contain|print) my (keys|API key)(|?)",
                "(To whom|Where) (is|does Batuta send) my (API |)key(| sent)(|?)",
                "(I worry about|I'm worried about|What about) the (security|safety) of my (keys|API keys)",
            ),
            "pt": (
                ("Minhas (chaves|chaves de API|chaves de provedor) (estão seguras|são seguras|ficam protegidas)(|?)"),
                "Onde (minhas|as) chaves (|de API )(ficam guardadas|são guardadas|são salvas)(|?)",
                "Como o Batuta (guarda|protege|armazena) (chaves|minhas chaves)(|?)",
                ("(As chaves|Minhas chaves) (são cifradas|ficam seladas|ficam em texto puro|são criptografadas)(|?)"),
                "(Quem|Que programa) pode (ver|ler|pegar) minhas (chaves de API|chaves)(|?)",
                "(Guarda de chaves|Segurança das chaves|Chaves seguras)(|?| por favor)",
                "Minha (chave|chave de API) pode (vazar|ser roubada|parar em um log)(|?)",
                "(Os logs|O Batuta|Um log) (mostra|contém|mostram) minhas chaves(|?| de API)",
                "(Para quem|Para onde) (vai|o Batuta envia) minha chave(|?| de API)",
                "(Me preocupo com|E quanto a) a segurança das (minhas chaves|chaves de API|chaves)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "A key from a variable stays out of the settings file, and the page API keys keeps "
                    "keys sealed. A key is only sent to the origin of its own provider and never appears "
                    "in logs."
                ),
            ),
            "pt": (
                (
                    "Uma chave de variável fica fora do arquivo de configuração, e a página Chaves de API "
                    "guarda chaves seladas. Uma chave só é enviada à origem do próprio provedor e nunca "
                    "aparece em logs."
                ),
            ),
        },
        facts={
            "en": (
                "only sent|only ever sent",
                "origin",
            ),
            "pt": (
                "só é enviada",
                "origem",
            ),
        },
    ),
)
