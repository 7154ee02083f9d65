"""What starter-brain knows about connecting clients and calling the API. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="connect_client",
        ask={
            "en": (
                ("(How do I|How can I|How to) (connect|attach|set up|configure) (a client|my app|my program)(|?)"),
                "(Connect|Attach|Set up|Configure) (a client|my app|my program)(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (the base url|OPENAI_BASE_URL|the openai base url)(|?)"),
                ("(Can I|Could I|Is there a way to) (connect|attach|set up|configure) (a client|my app|my program)?"),
                "(The base url|OPENAI_BASE_URL|The openai base url)(|?| please| help)",
                "(Information|Details|Help) on (the base url|OPENAI_BASE_URL|the openai base url)(|?)",
                "(Which|What) base url (do I use|do I set|is it|must I enter)(|?)",
                "(Connect|Client|Base url|Openai api url)(|?| how| please)",
                ("(Can I|Could I|Is there a way to) use (my app|VS Code|Continue|any OpenAI client) with Batuta?"),
                "(Does|Is) (Batuta|it) (OpenAI compatible|compatible with OpenAI|like the OpenAI API)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (conectar|ligar|configurar) (um cliente|meu "
                    "app|meu programa)(|?)"
                ),
                "(Conectar|Ligar|Configurar) (um cliente|meu app|meu programa)(|, por favor| por favor)",
                (
                    "(O que é|Me explica|Me fala sobre|O que seria) (a url base|OPENAI_BASE_URL|a "
                    "base url da openai)(|?)"
                ),
                "(A url base|OPENAI_BASE_URL|A base url da openai)(|?| por favor| ajuda)",
                "(Não entendo|Fico confuso com|Não entendi) (a url base|OPENAI_BASE_URL|a base url da openai)",
                (
                    "(Quero|Preciso|Gostaria de|Queria) (conectar|ligar|configurar) (um cliente|meu "
                    "app|meu programa)(|.)"
                ),
                "(Qual|Que) url base (eu uso|eu ponho|é|devo colocar)(|?)",
                "(Conectar|Cliente|Url base|Url da api openai)(|?| como| por favor)",
                "(Dá para|Tem como) usar (meu app|o VS Code|o Continue|um cliente OpenAI) com o Batuta?",
                "O Batuta é (compatível com OpenAI|compatível com a OpenAI|como a API da OpenAI)(|?| mesmo)",
            ),
        },
        say={
            "en": (
                (
                    "Set the client's OpenAI base URL to `http://127.0.0.1:22888/v1`, the model to an id "
                    "of `batuta models` or to `auto`, and the key to anything."
                ),
            ),
            "pt": (
                (
                    "Ponha no cliente a URL base da OpenAI como `http://127.0.0.1:22888/v1`, o modelo "
                    "como um id de `batuta models` ou `auto`, e a chave como qualquer texto."
                ),
            ),
        },
        facts={
            "en": (
                "base URL",
                "22888/v1",
            ),
            "pt": (
                "URL base",
                "22888/v1",
            ),
        },
    ),
    Topic(
        id="open_webui",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (use|connect|add|set up) (Open WebUI|open-webui|OpenWebUI)"),
                "(Use|Connect|Add|Set up) (Open WebUI|open-webui|OpenWebUI)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (Open WebUI|open-webui|openwebui)(|?)",
                (
                    "(What's the|Is there a) (way|command) to (use|connect|add|set up) (Open "
                    "WebUI|open-webui|OpenWebUI)?"
                ),
                "(Open WebUI|Open-webui|Openwebui)(|?| please| help)",
                ("(How does one|How do you|How do people) (use|connect|add|set up) (Open WebUI|open-webui|OpenWebUI)"),
                "(Does|Will) (Open WebUI|open-webui|OpenWebUI) work with Batuta(|?)",
                "(Open WebUI|Open-webui) (in docker|in a container) (with|and) Batuta(|?)",
                "(Open WebUI|OpenWebUI) (shows no models|doesn't see Batuta|can't connect)(|?)",
                "(Which|What) (url|address) do I enter in (Open WebUI|open-webui)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para) (usar|conectar|adicionar|configurar) (o Open "
                    "WebUI|open-webui|o OpenWebUI)(|?)"
                ),
                ("(Usar|Conectar|Adicionar|Configurar) (o Open WebUI|open-webui|o OpenWebUI)(|, por favor| por favor)"),
                "(O que é|Me explica|Me fala sobre|O que seria) (Open WebUI|open-webui|openwebui)(|?)",
                "(Open WebUI|Open-webui|Openwebui)(|?| por favor| ajuda)",
                (
                    "(Quero|Preciso|Me ajuda a) (usar|conectar|adicionar|configurar) (o Open "
                    "WebUI|open-webui|o OpenWebUI)"
                ),
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (Open WebUI|open-webui|openwebui)",
                "(O Open WebUI|Open-webui|O OpenWebUI) funciona com o Batuta(|?| mesmo)",
                "(Open WebUI|Open-webui) (no docker|em um contêiner) (com o|e) Batuta(|?)",
                "O (Open WebUI|OpenWebUI) (não mostra modelos|não vê o Batuta|não conecta)(|?)",
                "(Qual|Que) (url|endereço) ponho no (Open WebUI|open-webui)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "In Open WebUI, add an OpenAI connection with the URL `http://127.0.0.1:22888/v1` and "
                    "any key. From inside a container, use the host's address and list its name in "
                    "`edge.allowed_hosts`."
                ),
            ),
            "pt": (
                (
                    "No Open WebUI, adicione uma conexão OpenAI com a URL `http://127.0.0.1:22888/v1` e "
                    "qualquer chave. De dentro de um contêiner, use o endereço do host e ponha o nome em "
                    "`edge.allowed_hosts`."
                ),
            ),
        },
        facts={
            "en": (
                "Open WebUI",
                "connection",
            ),
            "pt": (
                "Open WebUI",
                "conexão",
            ),
        },
    ),
    Topic(
        id="python_sdk",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) (call|use|ask) (Batuta|a model) (from|in) Python(|?)",
                "(Call|Use|Ask) (Batuta|a model) (from|in) Python(|, please| please)",
                (
                    "(What is|What's|Explain|Tell me about) (the Python SDK|the openai package|the "
                    "openai Python SDK)(|?)"
                ),
                "(What's the|Is there a) (way|command) to (call|use|ask) (Batuta|a model) (from|in) Python?",
                "(How does one|How do you|How do people) (call|use|ask) (Batuta|a model) (from|in) Python(|?)",
                "(The Python SDK|The openai package|The openai Python SDK)(|?| please| help)",
                "(Python|Openai sdk|Python sdk|Openai python)(|?| example| code)",
                "(Example|Sample|Snippet) (in|for) (Python|the openai SDK)(|?)",
                "(Can I|May I) use (the openai package|the OpenAI SDK|Python|a Python script) with Batuta?",
                "(How does|What does) a Python (program|script) (call Batuta|look like)(|?)",
            ),
            "pt": (
                "(Como|Como faço para) (chamar|usar|perguntar a) (o Batuta|um modelo) (do|em|pelo) Python(|?)",
                "(Chamar|Usar|Perguntar a) (o Batuta|um modelo) (do|em|pelo) Python(|, por favor| por favor)",
                "(O que é|Explica|Me fala sobre) (o SDK de Python|o pacote openai|o SDK openai do Python)(|?)",
                "(O SDK de Python|O pacote openai|O SDK openai do Python)(|?| por favor| ajuda)",
                (
                    "(Quero|Preciso|Gostaria de|Queria) (chamar|usar|perguntar a) (o Batuta|um "
                    "modelo) (do|em|pelo) Python"
                ),
                ("(Me conta|Explica) (mais|algo) sobre (o SDK de Python|o pacote openai|o SDK openai do Python)"),
                "(Python|Sdk openai|Sdk python|Openai python)(|?| exemplo| código)",
                "(Exemplo|Trecho|Amostra) (em|para) (Python|o SDK openai)(|?)",
                ("(Dá para|Tem como) usar (o pacote openai|o SDK da OpenAI|Python|um script Python) com o Batuta?"),
                "Como um (programa|script) em Python (chama o Batuta|fica)(|?| por favor)",
            ),
        },
        say={
            "en": (
                (
                    'Use the `openai` package: `client = OpenAI(base_url="http://127.0.0.1:22888/v1", '
                    'api_key="not-needed")`, then `client.chat.completions.create(model="auto", '
                    "messages=[...])`."
                ),
            ),
            "pt": (
                (
                    'Use o pacote `openai`: `client = OpenAI(base_url="http://127.0.0.1:22888/v1", '
                    'api_key="not-needed")`, depois `client.chat.completions.create(model="auto", '
                    "messages=[...])`."
                ),
            ),
        },
        facts={
            "en": (
                r"OpenAI\(",
                "base_url",
            ),
            "pt": (
                r"OpenAI\(",
                "base_url",
            ),
        },
    ),
    Topic(
        id="curl",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) (use|ask with|call Batuta with) curl(|?)",
                "(Use|Ask with|Call Batuta with) curl(|, please| please)",
                "(What is|What's|Explain|Tell me about) (a curl example|curl|the curl command)(|?)",
                "(How does one|How do you|How do people) (use|ask with|call Batuta with) curl(|?)",
                "(Please|Quickly|Now) (tell me how to|show me how to) (use|ask with|call Batuta with) curl",
                "(A curl example|Curl|The curl command)(|?| please| help)",
                "(Example|Sample) (with|of|for) (curl|a curl call|a curl request)(|?)",
                "(Curl|Curl example|Curl command|With curl)(|?| please)",
                "(Test|Try|Call) (the API|Batuta|a model) (with curl|using curl)(|?)",
                "(Give|Show) me a (curl|curl command|curl line)(| for chat| that works)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como posso|Como é que dá para) (usar|perguntar com|chamar o "
                    "Batuta com) curl(|?)"
                ),
                "(Usar|Perguntar com|Chamar o Batuta com) curl(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (um exemplo de curl|curl|o comando curl)(|?)",
                "(Quero|Preciso|Gostaria de|Queria) (usar|perguntar com|chamar o Batuta com) curl(|.)",
                "(Um exemplo de curl|Curl|O comando curl)(|?| por favor| ajuda)",
                (
                    "(Não sei|Não consigo descobrir|Não faço ideia de) como (usar|perguntar "
                    "com|chamar o Batuta com) curl"
                ),
                "(Exemplo|Amostra) (com|de) (curl|uma chamada curl|um pedido curl)(|?)",
                "(Curl|Exemplo curl|Comando curl|Com curl)(|?| por favor)",
                "(Testar|Experimentar|Chamar) (a API|o Batuta|um modelo) (com curl|usando curl)(|?)",
                "Me (dá|mostra) um (curl|comando curl|exemplo curl)(| de conversa| que funcione)",
            ),
        },
        say={
            "en": (
                (
                    "For example: `curl http://127.0.0.1:22888/v1/chat/completions -H 'Content-Type: "
                    'application/json\' -d \'{"model": "auto", "messages": [{"role": "user", "content": '
                    '"Hello"}]}\'`'
                ),
            ),
            "pt": (
                (
                    "Por exemplo: `curl http://127.0.0.1:22888/v1/chat/completions -H 'Content-Type: "
                    'application/json\' -d \'{"model": "auto", "messages": [{"role": "user", "content": '
                    '"Oi"}]}\'`'
                ),
            ),
        },
        facts={
            "en": (
                "curl http",
                "/v1/chat/completions",
            ),
            "pt": (
                "curl http",
                "/v1/chat/completions",
            ),
        },
    ),
    Topic(
        id="endpoints",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (list|see|find) (the|all) (endpoints|api endpoints|routes)"),
                "(List|See|Find) (the|all) (endpoints|api endpoints|routes)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (the endpoints|the HTTP API|the API routes)(|?)",
                (
                    "(I want to|I need to|I'd like to|Help me) (list|see|find) (the|all) "
                    "(endpoints|api endpoints|routes)"
                ),
                "(The endpoints|The HTTP API|The API routes)(|?| please| help)",
                ("(Can I|Could I|Is there a way to) (list|see|find) (the|all) (endpoints|api endpoints|routes)?"),
                "(Which|What) (endpoints|routes|api calls) (are there|exist|does Batuta have)(|?)",
                "(Endpoints|Api|Api reference|Routes|Openapi)(|?| list)",
                "Where is the (API documentation|API reference|openapi file)(|?| please| of Batuta)",
                "(What|Which) (calls|requests) does (the API|Batuta) (offer|support|understand)(|?)",
            ),
            "pt": (
                "(Como|Como faço para) (listar|ver|achar) os (endpoints|endpoints da api|caminhos da api)(|?)",
                "(Listar|Ver|Achar) os (endpoints|endpoints da api|caminhos da api)(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (os endpoints|a API HTTP|as rotas da API)(|?)",
                (
                    "(Quero|Preciso|Gostaria de|Queria) (listar|ver|achar) os (endpoints|endpoints da "
                    "api|caminhos da api)"
                ),
                "(Os endpoints|A API HTTP|As rotas da API)(|?| por favor| ajuda)",
                "(Dá para|Tem como) (listar|ver|achar) os (endpoints|endpoints da api|caminhos da api)?",
                "(Quais|Que) (endpoints|rotas|chamadas de api) (há|existem|o Batuta tem)(|?)",
                "(Endpoints|Api|Referência da api|Rotas|Openapi)(|?| lista)",
                ("Onde está a (documentação da API|referência da API|descrição openapi)(|?| por favor| do Batuta)"),
                "(Que|Quais) (chamadas|pedidos) a API (oferece|suporta|entende)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Inference: `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings` and "
                    "`/v1/models`. Management lies under `/manage`, beside `/health`, `/ready` and "
                    "`/metrics`; `/openapi.json` describes it."
                ),
            ),
            "pt": (
                (
                    "Inferência: `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings` e "
                    "`/v1/models`. A gestão fica em `/manage`, ao lado de `/health`, `/ready` e "
                    "`/metrics`; `/openapi.json` a descreve."
                ),
            ),
        },
        facts={
            "en": (
                "/v1/chat/completions",
                "/v1/models",
                "/manage",
            ),
            "pt": (
                "/v1/chat/completions",
                "/v1/models",
                "/manage",
            ),
        },
    ),
    Topic(
        id="embeddings",
        ask={
            "en": (
                ("(How do I|How can I|How to) (make|get|compute|create) (embeddings|text embeddings|vectors)(|?)"),
                "(Make|Get|Compute|Create) (embeddings|text embeddings|vectors)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (embeddings|text embeddings|embedding models)(|?)",
                ("(I want to|Help me|I must) (make|get|compute|create) (embeddings|text embeddings|vectors)(|.)"),
                "(Embeddings|Text embeddings|Embedding models)(|?| please| help)",
                ("(Can I|Could I|Is there a way to) (make|get|compute|create) (embeddings|text embeddings|vectors)?"),
                "(Does|Can) (Batuta|it) (support|do|make) embeddings(|?)",
                "(Embeddings|Embedding|Vectors|Embed text)(|?| api| endpoint)",
                "(Turn|Convert) (text|my documents|sentences) into (vectors|embeddings)(|?)",
                "(Which|What) (endpoint|call|route) (is for|makes|gives) embeddings(|?)",
            ),
            "pt": (
                ("(Como|Como faço para) (fazer|obter|calcular|criar) (embeddings|embeddings de texto|vetores)(|?)"),
                ("(Fazer|Obter|Calcular|Criar) (embeddings|embeddings de texto|vetores)(|, por favor| por favor)"),
                (
                    "(O que é|Me explica|Me fala sobre|O que seria) (embeddings|embeddings de "
                    "texto|modelos de embedding)"
                ),
                "(Dá para|Tem como) (fazer|obter|calcular|criar) (embeddings|embeddings de texto|vetores)?",
                "(Embeddings|Embeddings de texto|Modelos de embedding)(|?| por favor| ajuda)",
                ("(Não entendo|Fico confuso com|Não entendi) (embeddings|embeddings de texto|modelos de embedding)"),
                "O Batuta (suporta|faz|gera|tem) embeddings(|?| também)",
                "(Embeddings|Embedding|Vetores|Vetorizar texto)(|?| api| endpoint)",
                "(Transformar|Converter) (texto|meus documentos|frases) em (vetores|embeddings)(|?)",
                "(Qual|Que) (endpoint|chamada|rota) (serve para|faz|dá) embeddings(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Send `POST /v1/embeddings` with the id of an embedding model in `model` and your "
                    "text in `input`, as with OpenAI's API."
                ),
            ),
            "pt": (
                (
                    "Envie `POST /v1/embeddings` com o id de um modelo de embeddings em `model` e o seu "
                    "texto em `input`, como na API da OpenAI."
                ),
            ),
        },
        facts={"en": ("/v1/embeddings",), "pt": ("/v1/embeddings",)},
    ),
    Topic(
        id="streaming",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (stream|get a stream of) (answers|an answer|the tokens)(|?)"),
                "(Stream|Get a stream of) (answers|an answer|the tokens)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (streaming|streams|streamed answers)(|?)",
                "(Can I|Could I|Is there a way to) (stream|get a stream of) (answers|an answer|the tokens)?",
                "(Streaming|Streams|Streamed answers)(|?| please| help)",
                ("(What's the|Is there a) (way|command) to (stream|get a stream of) (answers|an answer|the tokens)?"),
                "(Does|Can) (Batuta|it) (support|do) (streaming|streams|SSE)(|?)",
                "(Streaming|Stream|Stream true|Sse)(|?| how| example)",
                "(Get|See|Receive) the answer (piece by piece|word by word|token by token|as it comes)",
                "(How do I|How can I|How to|How would I) (turn on|enable|use) (streaming|the stream)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (receber em stream|transmitir) "
                    "(respostas|uma resposta|os tokens)"
                ),
                "(Receber em stream|Transmitir) (respostas|uma resposta|os tokens)(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (streaming|streams|respostas em stream)(|?)",
                "(Dá para|Tem como) (receber em stream|transmitir) (respostas|uma resposta|os tokens)?",
                "(Streaming|Streams|Respostas em stream)(|?| por favor| ajuda)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (streaming|streams|respostas em stream)",
                "O Batuta (suporta|faz|tem) (streaming|stream|SSE)(|?)",
                "(Streaming|Stream|Stream true|Sse)(|?| como| exemplo)",
                "(Receber|Ver) a resposta (pedaço a pedaço|palavra por palavra|token a token|aos poucos)",
                ("(Como|Como faço para|Como posso|Como é que dá para) (ligar|ativar|usar) (o streaming|o stream)(|?)"),
            ),
        },
        say={
            "en": (
                (
                    'Set `"stream": true` in the request, and the answer comes as server-sent events, '
                    "piece by piece. While a model loads, the stream carries comments so that no client "
                    "takes it for dead."
                ),
            ),
            "pt": (
                (
                    'Ponha `"stream": true` no pedido, e a resposta vem como eventos, pedaço a pedaço. '
                    "Enquanto um modelo carrega, o stream traz comentários para nenhum cliente achar que "
                    "morreu."
                ),
            ),
        },
        facts={"en": ('"stream": true|stream=True',), "pt": ('"stream": true|stream=True',)},
    ),
    Topic(
        id="key_needed",
        ask={
            "en": (
                ("(Do I need|Is there|Does Batuta need) (a|an api) key (to call it|to use Batuta|for clients)(|?)"),
                "(What|Which) (api |)key (do I send|do I enter|goes into the client)(|?)",
                "(Is a key|Is a password|Is authentication) (needed|required|demanded)(|?| to call Batuta)",
                "(Client key|BATUTA_API_KEY|Auth.required|Authentication)(|?| how)",
                "(Demand|Require|Ask for) a key (from everybody|from every client|everywhere)(|?)",
                "(Protect|Secure) (Batuta|the gateway|my Batuta) with a (key|password)(|?)",
                "(My client|The app|The SDK) (asks for|insists on|wants) an api key(|, what do I enter)",
                "(401|Unauthorized|401 unauthorized|Error 401)(|?| from Batuta| why)",
                "(Does|Can) (anyone|everybody|any program) on (my|this) machine (call|use) Batuta(|?)",
                "(Who|Which programs) (may|can) call Batuta without a key(|?| here)",
            ),
            "pt": (
                ("(Preciso de|Tem|O Batuta exige) (uma |)chave (para chamar|para usar o Batuta|para clientes)(|?)"),
                "(Que|Qual) chave (eu envio|eu coloco|vai) no (cliente|programa)(|?)",
                ("(Uma chave|Uma senha|Autenticação) é (necessária|exigida|obrigatória)(|?| para chamar o Batuta)"),
                "(Chave do cliente|BATUTA_API_KEY|Auth.required|Autenticação)(|?| como)",
                "(Exigir|Pedir) chave (de todos|de todo cliente|em todo lugar)(|?| no Batuta)",
                "(Proteger|Trancar) (o Batuta|o gateway|meu Batuta) com (uma chave|uma senha)(|?)",
                "(Meu cliente|O app|O SDK) (pede|exige|quer) uma chave de api(|, o que coloco)",
                "(401|Não autorizado|401 unauthorized|Erro 401)(|?| do Batuta| por quê)",
                "(Qualquer um|Todo mundo|Qualquer programa) (nesta|na minha) máquina (chama|usa) o Batuta(|?)",
                "(Quem|Quais programas) (pode|podem) chamar o Batuta sem chave(|?| aqui)",
            ),
        },
        say={
            "en": (
                (
                    "On this machine no key is needed to call Batuta, and any key a program sends is "
                    "accepted. Beyond it, or with `auth.required = true`, the key of `BATUTA_API_KEY` is "
                    "demanded."
                ),
            ),
            "pt": (
                (
                    "Na própria máquina não precisa de chave para chamar o Batuta, e qualquer chave "
                    "enviada é aceita. Fora dela, ou com `auth.required = true`, a chave de "
                    "`BATUTA_API_KEY` é exigida."
                ),
            ),
        },
        facts={
            "en": (
                "no key",
                "this machine|loopback",
            ),
            "pt": (
                "nenhuma chave|não precisa de chave",
                "esta máquina|própria máquina|loopback",
            ),
        },
    ),
)
