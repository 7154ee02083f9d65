"""What starter-brain knows about the network, privacy and the processor or card. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="open_network",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (open|share|expose) Batuta (to|on|in) (my network|the LAN)"),
                "(Open|Share|Expose) Batuta (to|on|in) (my network|the LAN)(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (network access|remote access|listening on the network)(|?)"),
                ("(Can I|Could I|Is there a way to) (open|share|expose) Batuta (to|on|in) (my network|the LAN)?"),
                "(Network access|Remote access|Listening on the network)(|?| please| help)",
                (
                    "(What's the|Is there a) (way|command) to (open|share|expose) Batuta (to|on|in) "
                    "(my network|the LAN)?"
                ),
                "(Can I|May I) (reach|use) Batuta (from another computer|from my phone|over the network)?",
                "(Network|Lan|Remote access|0.0.0.0|--host)(|?| how)",
                "(Listen|Bind) (on all addresses|to 0.0.0.0|beyond this machine)(|?)",
                "(My colleagues|Others|My team) (should|want to) use (my|this) Batuta(|, how)",
            ),
            "pt": (
                ("(Como|Como faço para) (abrir|compartilhar|expor) o Batuta (para|na) (minha rede|rede local)(|?)"),
                ("(Abrir|Compartilhar|Expor) o Batuta (para|na) (minha rede|rede local)(|, por favor| por favor)"),
                ("(O que é|Me explica|Me fala sobre|O que seria) (acesso pela rede|acesso remoto|escutar na rede)(|?)"),
                "(Acesso pela rede|Acesso remoto|Escutar na rede)(|?| por favor| ajuda)",
                ("(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (acesso pela rede|acesso remoto|escutar na rede)"),
                (
                    "(Quero|Preciso|Me ajuda a) (abrir|compartilhar|expor) o Batuta (para|na) (minha "
                    "rede|rede local)(|.)"
                ),
                "(Dá para|Tem como) (alcançar|usar) o Batuta (de outro computador|do celular|pela rede)?",
                "(Rede|Lan|Acesso remoto|0.0.0.0|--host)(|?| como)",
                "(Escutar|Ouvir) (em todos os endereços|em 0.0.0.0|fora desta máquina)(|?)",
                "(Meus colegas|Outros|Minha equipe) (devem|querem) usar (meu|este) Batuta(|, como)",
            ),
        },
        say={
            "en": (
                (
                    "Set a key in `BATUTA_API_KEY` and start with `batuta up --host ADDRESS`, where "
                    "ADDRESS is this machine's. Batuta refuses to listen beyond this machine without a "
                    "key; it has no TLS of its own."
                ),
            ),
            "pt": (
                (
                    "Ponha uma chave em `BATUTA_API_KEY` e inicie com `batuta up --host ENDEREÇO`, o "
                    "endereço desta máquina. O Batuta se recusa a escutar fora dela sem chave; ele não "
                    "tem TLS próprio."
                ),
            ),
        },
        facts={
            "en": (
                "--host",
                "BATUTA_API_KEY",
            ),
            "pt": (
                "--host",
                "BATUTA_API_KEY",
            ),
        },
    ),
    Topic(
        id="host_refused",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (allow|add|permit) (a host name|another host|an origin)(|?)"),
                "(Allow|Add|Permit) (a host name|another host|an origin)(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (allowed hosts|edge.allowed_hosts|the Host header)(|?)"),
                ("(What's the|Is there a) (way|command) to (allow|add|permit) (a host name|another host|an origin)?"),
                "(Allowed hosts|Edge.allowed_hosts|The Host header)(|?| please| help)",
                ("(How does one|How do you|How do people) (allow|add|permit) (a host name|another host|an origin)(|?)"),
                "(The host|My host name|The Host header) (is refused|was refused|is rejected)(|, why|?)",
                "(421|Misdirected_request|Misdirected request|Host refused|Cors)(|?| error)",
                "(I get|Why do I get) (421|misdirected request|an origin error|a CORS error)(|?)",
                ("(My web page|A page of mine|My frontend) (may not call|is refused by|cannot call) Batuta(|, why)"),
            ),
            "pt": (
                ("(Como|Como faço para) (permitir|adicionar|liberar) (um nome de host|outro host|uma origem)(|?)"),
                ("(Permitir|Adicionar|Liberar) (um nome de host|outro host|uma origem)(|, por favor| por favor)"),
                (
                    "(O que é|Me explica|Me fala sobre|O que seria) (hosts "
                    "permitidos|edge.allowed_hosts|o cabeçalho Host)"
                ),
                "(Hosts permitidos|Edge.allowed_hosts|O cabeçalho Host)(|?| por favor| ajuda)",
                ("(Quero|Preciso|Me ajuda a) (permitir|adicionar|liberar) (um nome de host|outro host|uma origem)(|.)"),
                "(Me conta|Explica) (mais|algo) sobre (hosts permitidos|edge.allowed_hosts|o cabeçalho Host)",
                ("(O host|Meu nome de host|O cabeçalho Host) (é recusado|foi recusado|é rejeitado)(|, por quê|?)"),
                "(421|Misdirected_request|Host recusado|Cors)(|?| erro)",
                "(Recebo|Por que recebo) (421|misdirected request|um erro de origem|um erro de CORS)(|?)",
                (
                    "(Minha página web|Meu frontend|Uma página minha) não (pode chamar|consegue "
                    "chamar) o Batuta(|, por quê)"
                ),
            ),
        },
        say={
            "en": (
                (
                    "The Host header names a server that Batuta does not know, hence 421. List the name "
                    "in `edge.allowed_hosts`; a web page of another origin goes into "
                    "`edge.allowed_origins`."
                ),
            ),
            "pt": (
                (
                    "O cabeçalho Host traz um servidor que o Batuta não conhece, daí o 421. Ponha o nome "
                    "em `edge.allowed_hosts`; uma página web de outra origem vai em "
                    "`edge.allowed_origins`."
                ),
            ),
        },
        facts={"en": ("edge.allowed_hosts",), "pt": ("edge.allowed_hosts",)},
    ),
    Topic(
        id="privacy",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (privacy|data protection|telemetry)(|?)",
                "(Privacy|Data protection|Telemetry)(|?| please| help)",
                "(Tell me|Explain) (more|something) about (privacy|data protection|telemetry)",
                "(What about|How about|And) (privacy|data protection|telemetry)?",
                "(Information|Details|Help) on (privacy|data protection|telemetry)(|?)",
                "(Does|Will) Batuta (send|share|upload|leak) (my data|data|my chats)(|?)",
                "(Is|Are) (my data|my chats|my prompts) (private|safe|kept private)(|?)",
                "(Privacy|Telemetry|Tracking|My data|Spying)(|?| please)",
                "(Who|Which company) (sees|reads|gets) (my messages|my prompts|my chats)(|?)",
                "(Does|Do) (anything|my data|my words) leave (this|my) (machine|computer)(|?)",
            ),
            "pt": (
                ("(O que é|Me explica|Me fala sobre|O que seria) (privacidade|proteção de dados|telemetria)(|?)"),
                "(Privacidade|Proteção de dados|Telemetria)(|?| por favor| ajuda)",
                "(E sobre|E aí,|E) (privacidade|proteção de dados|telemetria)?",
                "(Informação|Detalhes|Ajuda) sobre (privacidade|proteção de dados|telemetria)(|?)",
                "(Não entendo|Fico confuso com|Não entendi) (privacidade|proteção de dados|telemetria)",
                "O Batuta (envia|compartilha|vaza|manda) (meus dados|dados|minhas conversas)(|?)",
                "(Meus dados|Meus prompts|Meus textos) (são privados|estão seguros|ficam privados)(|?)",
                "(Privacidade|Telemetria|Rastreamento|Meus dados|Espionagem)(|?| por favor)",
                "(Quem|Que empresa) (vê|lê|recebe) (minhas mensagens|meus prompts|minhas conversas)(|?)",
                "(Algo|Alguma coisa|Meu texto) sai (desta|da minha) máquina(|?|...)",
            ),
        },
        say={
            "en": (
                (
                    "Nothing leaves your machine unless you ask for it: there is no telemetry, and the "
                    "page loads nothing from other places. Only a message to an external provider that "
                    "you added goes to that provider."
                ),
            ),
            "pt": (
                (
                    "Nada sai da sua máquina sem você pedir: não há telemetria, e a página não carrega "
                    "nada de fora. Só uma mensagem a um provedor externo que você adicionou vai para esse "
                    "provedor."
                ),
            ),
        },
        facts={
            "en": (
                "Nothing",
                "telemetry|leaves",
            ),
            "pt": (
                "Nada",
                "telemetria|sai",
            ),
        },
    ),
    Topic(
        id="offline",
        ask={
            "en": (
                (
                    "(How do I|How can I|How to|How would I) (use|run) Batuta (offline|without "
                    "internet|without a network)"
                ),
                "(Use|Run) Batuta (offline|without internet|without a network)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (offline use|working offline|offline mode)(|?)",
                (
                    "(How does one|How do you|How do people) (use|run) Batuta (offline|without "
                    "internet|without a network)"
                ),
                "(Offline use|Working offline|Offline mode)(|?| please| help)",
                "(I want to|Help me|I must) (use|run) Batuta (offline|without internet|without a network)(|.)",
                "(Does|Will) (Batuta|it) work (offline|without internet|without a network|without wifi)(|?)",
                "(Do I|Does Batuta) need (internet|the internet|a network|an internet connection)(|?)",
                "(Offline|No internet|Without internet|Air gapped)(|?| works)",
                "(What|Does anything) (needs|work|works) (the internet|without internet|offline)(|?)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (usar|rodar) o Batuta (offline|sem internet|sem rede)(|?)"),
                "(Usar|Rodar) o Batuta (offline|sem internet|sem rede)(|, por favor| por favor)",
                ("(O que é|Me explica|Me fala sobre|O que seria) (uso offline|funcionar offline|modo offline)(|?)"),
                "(Quero|Preciso|Gostaria de|Queria) (usar|rodar) o Batuta (offline|sem internet|sem rede)(|.)",
                "(Uso offline|Funcionar offline|Modo offline)(|?| por favor| ajuda)",
                "(Dá para|É possível|Tem como|Posso) (usar|rodar) o Batuta (offline|sem internet|sem rede)?",
                "(O Batuta|Isso|Ele) funciona (offline|sem internet|sem rede|sem wifi)(|?)",
                "(Preciso|O Batuta precisa) de (internet|rede|conexão|conexão com a internet)(|?)",
                "(Offline|Sem internet|Sem rede|Isolado)(|?| funciona)",
                "(O que|Alguma coisa) (precisa de internet|funciona sem internet|funciona offline)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Yes, Batuta works offline: local models and the page need no network. Only external "
                    "providers, downloads and the first installation of packages need the internet."
                ),
            ),
            "pt": (
                (
                    "Sim, o Batuta funciona offline: os modelos locais e a página não precisam de rede. "
                    "Só provedores externos, downloads e a primeira instalação de pacotes precisam da "
                    "internet."
                ),
            ),
        },
        facts={
            "en": (
                "offline|without (a )?network|network cut",
                "local models",
            ),
            "pt": (
                "sem rede|sem internet|offline",
                "modelos locais",
            ),
        },
    ),
    Topic(
        id="gpu",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (use|turn on|set up) (the gpu|my gpu|my graphics card)(|?)"),
                "(Use|Turn on|Set up) (the gpu|my gpu|my graphics card)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (GPU use|the gpu|gpu layers)(|?)",
                (
                    "(I want to|I need to|I'd like to|Help me) (use|turn on|set up) (the gpu|my "
                    "gpu|my graphics card)(|.)"
                ),
                "(GPU use|The gpu|Gpu layers)(|?| please| help)",
                (
                    "(I don't know|I can't find out|No idea) how to (use|turn on|set up) (the gpu|my "
                    "gpu|my graphics card)"
                ),
                "(Does|Can|Will) Batuta (use|see|support) (my gpu|the gpu|my nvidia card|an amd card)(|?)",
                "(Which|What) (device|gpu|card) (does it use|is used|does Batuta run on)(|?)",
                "(Gpu|Cuda|Nvidia|Graphics card|Gpu_layers)(|?| support)",
                "(My|The) gpu is not (used|found|detected|seen)(|, why|?)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (usar|ligar|configurar) (a gpu|minha gpu|minha placa de vídeo)"),
                "(Usar|Ligar|Configurar) (a gpu|minha gpu|minha placa de vídeo)(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (uso da GPU|a gpu|camadas na gpu)(|?)",
                (
                    "(Quero|Preciso|Gostaria de|Queria) (usar|ligar|configurar) (a gpu|minha "
                    "gpu|minha placa de vídeo)(|.)"
                ),
                "(Uso da GPU|A gpu|Camadas na gpu)(|?| por favor| ajuda)",
                ("(Dá para|É possível|Tem como|Posso) (usar|ligar|configurar) (a gpu|minha gpu|minha placa de vídeo)?"),
                "O Batuta (usa|vê|suporta) (minha gpu|a gpu|minha placa nvidia|uma placa amd)(|?)",
                "(Que|Qual) (dispositivo|gpu|placa) (ele usa|é usada|o Batuta usa)(|?)",
                "(Gpu|Cuda|Nvidia|Placa de vídeo|Gpu_layers)(|?| suporte)",
                "(Minha|A) gpu não (é usada|foi achada|é detectada|aparece)(|, por quê|?)",
            ),
        },
        say={
            "en": (
                (
                    "Batuta uses a GPU that its build of llama.cpp supports; `engine.gpu_layers` is the "
                    "number of layers on it, and -1 means all that fit. `batuta doctor` and `batuta "
                    "status` show the device."
                ),
            ),
            "pt": (
                (
                    "O Batuta usa uma GPU que o seu llama.cpp suporta; `engine.gpu_layers` é o número de "
                    "camadas nela, e -1 quer dizer todas que couberem. `batuta doctor` e `batuta status` "
                    "mostram o dispositivo."
                ),
            ),
        },
        facts={
            "en": (
                "GPU",
                "engine.gpu_layers",
            ),
            "pt": (
                "GPU",
                "engine.gpu_layers",
            ),
        },
    ),
    Topic(
        id="no_gpu",
        ask={
            "en": (
                (
                    "(How do I|How can I|How to) (use|run) (Batuta|models|it) (without a gpu|on the "
                    "cpu|on the processor)"
                ),
                "(Use|Run) (Batuta|models|it) (without a gpu|on the cpu|on the processor)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (cpu only|running without a gpu|no gpu)(|?)",
                ("(I want to|Help me|I must) (use|run) (Batuta|models|it) (without a gpu|on the cpu|on the processor)"),
                "(Cpu only|Running without a gpu|No gpu)(|?| please| help)",
                "(Can I|May I) (use|run) (Batuta|models|it) (without a gpu|on the cpu|on the processor)?",
                "(I have|There is) no (gpu|graphics card|video card)(|, does it work|, what now)",
                "(Does|Will) (Batuta|it) work (without a gpu|on cpu only|on an old laptop)(|?)",
                "(Cpu|No gpu|Cpu only|Without gpu|Processor)(|?| works)",
                "(Do I|Must I) (need|have|buy) a (gpu|graphics card|video card)(|?)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (usar|rodar) (o Batuta|modelos) (sem gpu|na cpu|no processador)"),
                "(Usar|Rodar) (o Batuta|modelos) (sem gpu|na cpu|no processador)(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (só cpu|rodar sem gpu|nenhuma gpu)(|?)",
                (
                    "(Dá para|É possível|Tem como|Posso) (usar|rodar) (o Batuta|modelos) (sem gpu|na "
                    "cpu|no processador)?"
                ),
                "(Só cpu|Rodar sem gpu|Nenhuma gpu)(|?| por favor| ajuda)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (só cpu|rodar sem gpu|nenhuma gpu)",
                "Não (tenho|há) (gpu|placa de vídeo|placa gráfica)(|, funciona|, e agora)",
                "(O Batuta|Isso|Ele) funciona (sem gpu|só com cpu|em um laptop velho)(|?)",
                "(Cpu|Sem gpu|Só cpu|Processador)(|?| funciona)",
                "(Preciso|Tenho que) (ter|comprar|usar) uma (gpu|placa de vídeo|placa gráfica)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Batuta works without a GPU: models then run on the processor and the budget is the "
                    "machine's RAM. Small quantized models are the quickest there; `engine.threads` sets "
                    "the threads."
                ),
            ),
            "pt": (
                (
                    "O Batuta funciona sem GPU: os modelos rodam no processador e o orçamento é a RAM da "
                    "máquina. Modelos pequenos e quantizados são os mais rápidos; `engine.threads` define "
                    "as threads."
                ),
            ),
        },
        facts={
            "en": (
                "without a GPU",
                "processor",
            ),
            "pt": (
                "sem GPU",
                "processador",
            ),
        },
    ),
)
