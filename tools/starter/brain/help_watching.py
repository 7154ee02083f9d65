"""What starter-brain knows about watching what Batuta does. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="metrics",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (get|scrape|read) (metrics|the metrics|statistics)(|?)"),
                "(Get|Scrape|Read) (metrics|the metrics|statistics)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (metrics|the metrics|Prometheus)(|?)",
                "(What's the|Is there a) (way|command) to (get|scrape|read) (metrics|the metrics|statistics)?",
                ("(How does one|How do you|How do people) (get|scrape|read) (metrics|the metrics|statistics)(|?)"),
                "(Metrics|The metrics|Prometheus)(|?| please| help)",
                "(Metrics|Prometheus|Grafana|Statistics)(|?| endpoint)",
                "(Does|Can) Batuta (have|export|give) (metrics|statistics|Prometheus metrics)(|?)",
                "(Monitor|Watch) Batuta with (Prometheus|Grafana|a dashboard)(|?)",
                "How many (tokens|requests|swaps|loads) (were there|have there been|did it do)(|?)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (obter|coletar|ler) (métricas|as métricas|estatísticas)(|?)"),
                "(Obter|Coletar|Ler) (métricas|as métricas|estatísticas)(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (métricas|as métricas|Prometheus)(|?)",
                "(Métricas|As métricas|Prometheus)(|?| por favor| ajuda)",
                ("(Quero|Preciso|Gostaria de|Queria) (obter|coletar|ler) (métricas|as métricas|estatísticas)(|.)"),
                "(Me conta|Explica) (mais|algo) sobre (métricas|as métricas|Prometheus)",
                "(Métricas|Prometheus|Grafana|Estatísticas)(|?| endpoint)",
                "O Batuta (tem|exporta|dá) (métricas|estatísticas|métricas do Prometheus)(|?)",
                "(Monitorar|Observar) o Batuta com (Prometheus|Grafana|um painel)(|?)",
                "Quantos (tokens|pedidos|carregamentos) (houve|foram|ele fez)(|?| até agora)",
            ),
        },
        say={
            "en": (
                (
                    "`GET /metrics` gives metrics in Prometheus' text form: requests, tokens, waits, "
                    "loads, swaps and memory. It needs the `admin` scope."
                ),
            ),
            "pt": (
                (
                    "`GET /metrics` dá métricas na forma de texto do Prometheus: pedidos, tokens, "
                    "esperas, cargas, trocas e memória. Precisa do escopo `admin`."
                ),
            ),
        },
        facts={
            "en": (
                "/metrics",
                "Prometheus",
            ),
            "pt": (
                "/metrics",
                "Prometheus",
            ),
        },
    ),
    Topic(
        id="health",
        ask={
            "en": (
                (
                    "(How do I|How can I|How to|How would I) (check|query|probe) the health (of "
                    "Batuta|endpoint|over HTTP)"
                ),
                "(Check|Query|Probe) the health (of Batuta|endpoint|over HTTP)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (the health endpoint|/health|/ready)(|?)",
                (
                    "(How does one|How do you|How do people) (check|query|probe) the health (of "
                    "Batuta|endpoint|over HTTP)"
                ),
                "(The health endpoint|/health|/ready)(|?| please| help)",
                "(I want to|Help me|I must) (check|query|probe) the health (of Batuta|endpoint|over HTTP)(|.)",
                "(Health|Ready|Health check|Healthcheck|Readiness)(|?| endpoint)",
                "(Which|What) (url|endpoint) (is for|does) (health checks|a health check|readiness)(|?)",
                '(Health says|Status is|It says|Health is) (degraded|starting|"degraded")(|, why|?)',
                "(Liveness|Readiness|Health) probe (for|in) (Kubernetes|docker|a load balancer)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (verificar|consultar) a saúde (do Batuta|por "
                    "HTTP|do gateway)(|?)"
                ),
                "(Verificar|Consultar) a saúde (do Batuta|por HTTP|do gateway)(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (o endpoint de saúde|/health|/ready)(|?)",
                (
                    "(Quero|Preciso|Gostaria de|Queria) (verificar|consultar) a saúde (do Batuta|por "
                    "HTTP|do gateway)(|.)"
                ),
                "(O endpoint de saúde|/health|/ready)(|?| por favor| ajuda)",
                ("(Dá para|É possível|Tem como|Posso) (verificar|consultar) a saúde (do Batuta|por HTTP|do gateway)?"),
                "(Health|Ready|Health check|Saúde|Prontidão)(|?| endpoint)",
                "(Qual|Que) (url|endpoint) (serve para|faz) (health check|verificar a saúde|prontidão)(|?)",
                '(Health diz|O status é|Ele diz) (degraded|starting|"degraded")(|, por quê|?)',
                "Sonda de (saúde|prontidão|vida) (para o Kubernetes|no docker|do balanceador)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "`GET /health` is always 200 and its body says healthy, starting or degraded. `GET "
                    "/ready` is 200 once there is nothing to wait for, and 503 until then."
                ),
            ),
            "pt": (
                (
                    "`GET /health` é sempre 200 e o corpo diz healthy, starting ou degraded. `GET /ready` "
                    "é 200 quando não há mais o que esperar, e 503 até lá."
                ),
            ),
        },
        facts={
            "en": (
                "/health",
                "/ready",
            ),
            "pt": (
                "/health",
                "/ready",
            ),
        },
    ),
    Topic(
        id="events",
        ask={
            "en": (
                ("(How do I|How can I|How to) (follow|watch|listen to|get) (live events|the events|the event stream)"),
                "(Follow|Watch|Listen to|Get) (live events|the events|the event stream)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (live events|the event stream|events)(|?)",
                (
                    "(I want to|Help me|I must) (follow|watch|listen to|get) (live events|the "
                    "events|the event stream)(|.)"
                ),
                "(Live events|The event stream|Events)(|?| please| help)",
                "(Can I|May I) (follow|watch|listen to|get) (live events|the events|the event stream)?",
                "(Events|Live events|Event stream|Manage events)(|?| endpoint)",
                "(Be|Get) (notified|told) when a model (is loaded|changes|is ready)(|?)",
                "(Is there|Does Batuta have) (an event stream|a webhook|notifications|a live feed)(|?)",
                "(Follow|See) (changes|what happens) (live|in real time|as it happens)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para) (acompanhar|ouvir|receber) (eventos ao vivo|os eventos|o "
                    "fluxo de eventos)(|?)"
                ),
                ("(Acompanhar|Ouvir|Receber) (eventos ao vivo|os eventos|o fluxo de eventos)(|, por favor| por favor)"),
                ("(O que é|Me explica|Me fala sobre|O que seria) (eventos ao vivo|o fluxo de eventos|eventos)(|?)"),
                (
                    "(Quero|Preciso|Me ajuda a) (acompanhar|ouvir|receber) (eventos ao vivo|os "
                    "eventos|o fluxo de eventos)"
                ),
                "(Eventos ao vivo|O fluxo de eventos|Eventos)(|?| por favor| ajuda)",
                ("(Dá para|Tem como) (acompanhar|ouvir|receber) (eventos ao vivo|os eventos|o fluxo de eventos)?"),
                "(Eventos|Eventos ao vivo|Fluxo de eventos|Manage events)(|?| endpoint)",
                "(Ser avisado|Saber na hora) quando um modelo (carrega|muda|fica pronto)(|?)",
                "(Existe|O Batuta tem) (um fluxo de eventos|webhook|notificações|aviso ao vivo)(|?)",
                "(Acompanhar|Ver) (mudanças|o que acontece) (ao vivo|em tempo real|na hora)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "`curl -N http://127.0.0.1:22888/manage/events` follows the live events: a snapshot "
                    "first, then model states, load progress, queue, swaps and memory as they happen."
                ),
            ),
            "pt": (
                (
                    "`curl -N http://127.0.0.1:22888/manage/events` acompanha os eventos ao vivo: "
                    "primeiro um retrato, depois estados dos modelos, progresso, fila, trocas e memória."
                ),
            ),
        },
        facts={"en": ("/manage/events",), "pt": ("/manage/events",)},
    ),
    Topic(
        id="story",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (see|read|get) the (story|history) of (a|my) model(|?)"),
                "(See|Read|Get) the (story|history) of (a|my) model(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (the story of a model|batuta story|a model's story)(|?)"),
                ("(I want to|I need to|I'd like to|Help me) (see|read|get) the (story|history) of (a|my) model(|.)"),
                ("(I don't know|I can't find out|No idea) how to (see|read|get) the (story|history) of (a|my) model"),
                "(The story of a model|Batuta story|A model's story)(|?| please| help)",
                "(Story|Model story|History|Causal log)(|?| of a model)",
                "What (happened|has happened) (to|with) (a|my|the|this) model(|?)",
                "(The past|The causal log|What happened before) of (a|my) model(| please)(|?)",
                "(What does|What is) (batuta story|the story command|story) (do|for)(|?)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (ver|ler|obter) a (história|trajetória) de (um|meu) modelo(|?)"),
                "(Ver|Ler|Obter) a (história|trajetória) de (um|meu) modelo(|, por favor| por favor)",
                ("(O que é|Explica|Me fala sobre) (a história de um modelo|batuta story|a história do modelo)(|?)"),
                ("(Dá para|É possível|Tem como|Posso) (ver|ler|obter) a (história|trajetória) de (um|meu) modelo?"),
                "(A história de um modelo|Batuta story|A história do modelo)(|?| por favor| ajuda)",
                ("(Qual o|Existe um) (jeito|comando) para (ver|ler|obter) a (história|trajetória) de (um|meu) modelo?"),
                "(Story|História do modelo|Histórico|Registro causal)(|?| de um modelo)",
                "O que (aconteceu|houve) com (um|meu|o|este) modelo(|?)",
                "(O passado|O registro causal|O histórico) de (um|meu) modelo(| por favor)(|?)",
                "(O que faz|Para que serve) o (batuta story|comando story|story)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "`batuta story MODEL` tells the causal log of one model: who wanted it, what was "
                    "reserved, when it loaded and why it left. Over HTTP it is `GET "
                    "/manage/models/{id}/story`."
                ),
            ),
            "pt": (
                (
                    "`batuta story MODEL` conta o registro causal de um modelo: quem o quis, o que foi "
                    "reservado, quando carregou e por que saiu. Por HTTP é `GET "
                    "/manage/models/{id}/story`."
                ),
            ),
        },
        facts={"en": ("`batuta story",), "pt": ("`batuta story",)},
    ),
    Topic(
        id="plan",
        ask={
            "en": (
                ("(How do I|How can I|How to) (check|know|find out) (if|whether) a model (would fit|will fit|fits)"),
                "(Check|Know|Find out) (if|whether) a model (would fit|will fit|fits)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (batuta plan|the plan command|manage plan)(|?)",
                "(Can I|May I) (check|know|find out) (if|whether) a model (would fit|will fit|fits)?",
                "(Batuta plan|The plan command|Manage plan)(|?| please| help)",
                ("(I don't understand|I wonder about|I'm confused by) (batuta plan|the plan command|manage plan)"),
                "(Would|Will) (my|this|the) model fit(|?| on my card| in my memory| now)",
                "(Plan|Batuta plan|Would it fit|Dry run)(|?| please)",
                "What would (be evicted|have to leave|be unloaded) (for|by) (a|this) model(|?)",
                "How (much memory|long) would (a|this|my) (model|load) (need|take)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (conferir|saber|descobrir) se um modelo "
                    "(caberia|vai caber|cabe)"
                ),
                "(Conferir|Saber|Descobrir) se um modelo (caberia|vai caber|cabe)(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (batuta plan|o comando plan|manage plan)(|?)",
                (
                    "(Dá para|É possível|Tem como|Posso) (conferir|saber|descobrir) se um modelo "
                    "(caberia|vai caber|cabe)?"
                ),
                "(Batuta plan|O comando plan|Manage plan)(|?| por favor| ajuda)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (batuta plan|o comando plan|manage plan)",
                "(Meu|Este|O) modelo (caberia|caberá|vai caber)(|?| na minha placa| na memória)",
                "(Plan|Batuta plan|Será que cabe|Simulação)(|?| por favor)",
                "O que (seria despejado|teria que sair|seria descarregado) por (um|este) modelo(|?)",
                "Quanta memória (um|este|meu) modelo (precisaria|usaria|gastaria)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "`batuta plan MODEL` says whether a model would fit now, what would have to leave and "
                    "how long the load takes, without doing it. Over HTTP it is `POST /manage/plan`."
                ),
            ),
            "pt": (
                (
                    "`batuta plan MODEL` diz se um modelo cabe agora, o que teria que sair e quanto "
                    "demora o carregamento, sem fazer nada. Por HTTP é `POST /manage/plan`."
                ),
            ),
        },
        facts={
            "en": (
                "`batuta plan",
                "fit",
            ),
            "pt": (
                "`batuta plan",
                "cabe",
            ),
        },
    ),
)
