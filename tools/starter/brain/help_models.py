"""What starter-brain knows about listing, loading, unloading and pinning models. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="list_models",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (list|see|show) (all models|the models|my models)(|?)"),
                "(List|See|Show) (all models|the models|my models)(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (the list of models|the model list|my list of models)(|?)"),
                ("(I want to|I need to|I'd like to|Help me) (list|see|show) (all models|the models|my models)(|.)"),
                ("(I don't know|I can't find out|No idea) how to (list|see|show) (all models|the models|my models)"),
                "(The list of models|The model list|My list of models)(|?| please| help)",
                "(Which|What) models (do I have|are there|are available|are installed)(|?)",
                "(List|Show|Models|Batuta models)(|?| all)(| models)",
                "(How many|What other) models (are there|can I use|do I have)(|?)",
                "Where (do I see|can I see) (all|the available) models(|?)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (listar|ver|mostrar) (todos os modelos|os modelos|meus modelos)"),
                "(Listar|Ver|Mostrar) (todos os modelos|os modelos|meus modelos)(|, por favor| por favor)",
                ("(O que é|Explica|Me fala sobre) (a lista de modelos|lista dos modelos|minha lista de modelos)(|?)"),
                (
                    "(Dá para|É possível|Tem como|Posso) (listar|ver|mostrar) (todos os modelos|os "
                    "modelos|meus modelos)?"
                ),
                "(A lista de modelos|Lista dos modelos|Minha lista de modelos)(|?| por favor| ajuda)",
                ("(Me conta|Explica) (mais|algo) sobre (a lista de modelos|lista dos modelos|minha lista de modelos)"),
                "(Quais|Que) modelos (eu tenho|existem|estão disponíveis|estão instalados)(|?)",
                "(Listar|Mostrar|Modelos|Lista)(|?| todos)(| modelos)",
                "(Quantos|Que outros) modelos (existem|posso usar|eu tenho)(|?)",
                "Onde (vejo|posso ver) (todos os modelos|os modelos disponíveis)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "`batuta models` lists all models with their state, size, whether they fit in memory "
                    "and who serves them. The left panel of the page shows the same."
                ),
            ),
            "pt": (
                (
                    "`batuta models` lista todos os modelos com estado, tamanho, se cabem na memória e "
                    "quem os serve. O painel esquerdo da página mostra o mesmo."
                ),
            ),
        },
        facts={
            "en": (
                "`batuta models`",
                "lists",
            ),
            "pt": (
                "`batuta models`",
                "lista",
            ),
        },
    ),
    Topic(
        id="load",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) (load|preload|warm up) (a|the|my) model(|?)",
                "(Load|Preload|Warm up) (a|the|my) model(|, please| please)",
                "(What is|What's|Explain|Tell me about) (loading a model|the load command|batuta load)(|?)",
                "(I don't know|I can't find out|No idea) how to (load|preload|warm up) (a|the|my) model",
                "(Can I|Could I|Is it possible to|Is there a way to) (load|preload|warm up) (a|the|my) model?",
                "(Loading a model|The load command|Batuta load)(|?| please| help)",
                "(Which|What) command loads (a|the|my) model(|?| into memory)",
                "(Put|Bring|Get) (a|my|the) model into (memory|ram|the gpu)",
                "(Load|Load model|Loading|Please load it)(|?| how)",
                "(My|The|This) model (is not loaded|is only on disk|is absent), (how do I load it|what now)?",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (carregar|pré-carregar|deixar pronto) (um|o|meu) modelo(|?)"),
                "(Carregar|Pré-carregar|Deixar pronto) (um|o|meu) modelo(|, por favor| por favor)",
                "(O que é|Explica|Me fala sobre) (o carregamento de um modelo|o comando load|batuta load)(|?)",
                "(Dá para|É possível|Tem como|Posso) (carregar|pré-carregar|deixar pronto) (um|o|meu) modelo?",
                "(O carregamento de um modelo|O comando load|Batuta load)(|?| por favor| ajuda)",
                ("(Qual o|Existe um) (jeito|comando) para (carregar|pré-carregar|deixar pronto) (um|o|meu) modelo?"),
                "(Qual|Que) comando carrega (um|o|meu) modelo(|?| na memória)",
                "(Pôr|Levar|Colocar) (um|meu|o) modelo na (memória|ram|gpu)",
                "(Carregar|Carregar modelo|Load|Carrega ele)(|?| como)",
                ("(Meu|O|Este) modelo (não está carregado|está só no disco|está ausente), (como carrego|e agora)?"),
            ),
        },
        say={
            "en": (
                (
                    "`batuta load MODEL` brings a model into memory and waits until it can answer. You "
                    "need not do it: a request for a model that is not loaded loads it first."
                ),
            ),
            "pt": (
                (
                    "`batuta load MODEL` leva um modelo à memória e espera até ele poder responder. Nem é "
                    "preciso: um pedido a um modelo que não está carregado o carrega antes."
                ),
            ),
        },
        facts={
            "en": (
                "`batuta load",
                "wait",
            ),
            "pt": (
                "`batuta load",
                "espera",
            ),
        },
    ),
    Topic(
        id="unload",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) (unload|release|drop) (a|the|my) model(|?)",
                "(Unload|Release|Drop) (a|the|my) model(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (unloading a model|the unload command|batuta unload)(|?)"),
                "(Can I|Could I|Is it possible to|Is there a way to) (unload|release|drop) (a|the|my) model?",
                ("(What is the command|What do I do|What must I do) to (unload|release|drop) (a|the|my) model(|?)"),
                "(Unloading a model|The unload command|Batuta unload)(|?| please| help)",
                "(Which|What) command unloads (a|the|my) model(|?)",
                "(Take|Throw|Get|Remove) (a|my|the) model out of (memory|ram|the gpu)(|?)",
                "(Unload|Unload model|Unloading|Make room)(|?| how)",
                "(Free|Free up|Release) (the|some) (memory|vram|gpu memory) (now|that a model uses)",
            ),
            "pt": (
                ("(Como|Como faço para|Como posso|Como é que dá para) (descarregar|liberar|soltar) (um|o|meu) modelo"),
                "(Descarregar|Liberar|Soltar) (um|o|meu) modelo(|, por favor| por favor)",
                ("(O que é|Explica|Me fala sobre) (descarregamento de um modelo|o comando unload|batuta unload)(|?)"),
                (
                    "(Qual o comando|O que faço|O que devo fazer) para (descarregar|liberar|soltar) "
                    "(um|o|meu) modelo(|?)"
                ),
                "(Qual o|Existe um) (jeito|comando) para (descarregar|liberar|soltar) (um|o|meu) modelo?",
                "(Descarregamento de um modelo|O comando unload|Batuta unload)(|?| por favor| ajuda)",
                "(Qual|Que) comando descarrega (um|o|meu) modelo(|?)",
                "(Tirar|Remover|Expulsar|Retirar) (um|meu|o) modelo da (memória|ram|gpu)(|?)",
                "(Descarregar|Descarregar modelo|Unload|Liberar memória)(|?| como)",
                "(Liberar|Desocupar|Soltar) (a|um pouco de) (memória|vram) (agora|que um modelo usa)",
            ),
        },
        say={
            "en": (
                (
                    "`batuta unload MODEL` takes a model out of memory, after the requests it is "
                    "answering. The page has an Unload button for each loaded model."
                ),
            ),
            "pt": (
                (
                    "`batuta unload MODEL` tira um modelo da memória, depois das respostas que ele está "
                    "dando. A página tem o botão Descarregar em cada modelo carregado."
                ),
            ),
        },
        facts={
            "en": (
                "`batuta unload",
                "memory",
            ),
            "pt": (
                "`batuta unload",
                "memória",
            ),
        },
    ),
    Topic(
        id="pin",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) (pin|pin down|fix) (a|the|my) model(|?)",
                "(Pin|Pin down|Fix) (a|the|my) model(|, please| please)",
                "(What is the command|What do I do|What must I do) to (pin|pin down|fix) (a|the|my) model(|?)",
                "(What's the|Is there a) (way|command) to (pin|pin down|fix) (a|the|my) model?",
                "(How does one|How do you|How do people) (pin|pin down|fix) (a|the|my) model(|?)",
                "(Pin|Pin model|Pinning|Batuta pin)(|?| how| please)",
                "(Keep|Hold) (a|my|the) model (in memory|loaded) (always|forever|permanently)",
                "(Which|What) command pins (a|the|my) model(|?)",
                "(Never|Don't ever|Do not) (evict|unload|throw out) (this|my) model",
                ("(How do I|How can I|How to|How would I) (make a model stay|keep a model) (loaded|in memory)(|?)"),
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como posso|Como é que dá para) (fixar|prender|dar pin em) "
                    "(um|o|meu) modelo(|?)"
                ),
                "(Fixar|Prender|Dar pin em) (um|o|meu) modelo(|, por favor| por favor)",
                "(Qual o|Existe um) (jeito|comando) para (fixar|prender|dar pin em) (um|o|meu) modelo?",
                ("(Como se faz|Como a gente faz|Como fazem) para (fixar|prender|dar pin em) (um|o|meu) modelo(|?)"),
                (
                    "(Por favor|Rapidinho|Agora) (me diz como|me mostra como) (fixar|prender|dar pin "
                    "em) (um|o|meu) modelo"
                ),
                "(Fixar|Fixar modelo|Pin|Batuta pin)(|?| como| por favor)",
                "(Manter|Deixar|Segurar) (um|meu|o) modelo (na memória|carregado) (sempre|para sempre)",
                "(Qual|Que) comando fixa (um|o|meu) modelo(|?)",
                "(Nunca|Não) (despejar|descarregar|tirar) (este|meu) modelo(| da memória)",
                ("(Como|Como faço para|Como eu posso) (fazer um modelo ficar|manter um modelo) (carregado|na memória)"),
            ),
        },
        say={
            "en": (
                (
                    "`batuta pin MODEL` keeps a model in memory: nothing evicts it, and it does not leave "
                    "when it is idle. The pin is kept over restarts."
                ),
            ),
            "pt": (
                (
                    "`batuta pin MODEL` mantém um modelo na memória: nada o despeja, e ele não sai quando "
                    "está ocioso. Isso fica guardado ao reiniciar."
                ),
            ),
        },
        facts={
            "en": (
                "`batuta pin",
                "evicts",
            ),
            "pt": (
                "`batuta pin",
                "despeja",
            ),
        },
    ),
    Topic(
        id="what_is_pinned",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (a pinned model|pinned|a pin)(|?)",
                "(A pinned model|Pinned|A pin)(|?| please| help)",
                "(I don't understand|I wonder about|I'm confused by) (a pinned model|pinned|a pin)",
                "(A question|I have a question|Question) about (a pinned model|pinned|a pin)",
                "(Tell me|Explain) (more|something) about (a pinned model|pinned|a pin)",
                'What does (pinned|"pinned"|a pin|pinning) mean(|?| here)',
                "(Meaning|Definition) of (pinned|a pin|pinning)(| in Batuta)(|?)",
                "(What|Why) is (this|that|the) (pin icon|pin symbol|pin sign)(|?)",
                "What (happens to|is special about) (a pinned model|pinned models)(|?| in Batuta)(|...)",
                '(It says|The list says|There stands) (pinned|"pinned"), what (does it mean|is that)?',
            ),
            "pt": (
                "(O que é|Me explica|Me fala sobre|O que seria) (um modelo fixado|fixado|um pin)(|?)",
                "(Um modelo fixado|Fixado|Um pin)(|?| por favor| ajuda)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (um modelo fixado|fixado|um pin)",
                "(Me conta|Explica) (mais|algo) sobre (um modelo fixado|fixado|um pin)",
                "(E sobre|E aí,|E) (um modelo fixado|fixado|um pin)?",
                'O que (significa|quer dizer) (fixado|"fixado"|pin|estar fixado)(|?| aqui)',
                "(Significado|Definição) de (fixado|pin|modelo fixado)(| no Batuta)(|?)",
                "(O que é|Por que tem) (este|esse|o) (ícone de pino|símbolo de pino|sinal de pino)(|?)",
                "O que (acontece com|tem de especial) (um modelo fixado|modelos fixados)(|?| no Batuta)",
                '(Diz|A lista diz|Está escrito) (fixado|"fixado"), o que (significa|é isso)?',
            ),
        },
        say={
            "en": (
                (
                    "A pinned model is never unloaded to make room for another one and stays when it is "
                    "idle. A model that has no room because of a pinned one says so."
                ),
            ),
            "pt": (
                (
                    "Um modelo fixado nunca é descarregado para abrir espaço para outro e fica mesmo "
                    "ocioso. Um modelo que não tem espaço por causa de um fixado avisa."
                ),
            ),
        },
        facts={
            "en": (
                "pinned model",
                "never",
            ),
            "pt": (
                "modelo fixado",
                "nunca",
            ),
        },
    ),
    Topic(
        id="unpin",
        ask={
            "en": (
                (
                    "(How do I|How can I|How to|How would I) (unpin|undo the pin of|remove the pin "
                    "from) (a|the|my) model"
                ),
                "(Unpin|Undo the pin of|Remove the pin from) (a|the|my) model(|, please| please)",
                "(What is|What's|Explain|Tell me about) (unpinning|the unpin command|batuta unpin)(|?)",
                (
                    "(How does one|How do you|How do people) (unpin|undo the pin of|remove the pin "
                    "from) (a|the|my) model"
                ),
                "(Unpinning|The unpin command|Batuta unpin)(|?| please| help)",
                "(I want to|Help me|I must) (unpin|undo the pin of|remove the pin from) (a|the|my) model(|.)",
                "(Which|What) command unpins (a|the|my) model(|?)",
                "(Unpin|Unpin model|Unpinning|No pin any more)(|?| how| please)",
                "(Take|Get) the pin (off|away from|back from) (a|my) model",
                "(I pinned it|It is pinned|I pinned a model), how do I (undo that|unpin it|take that back)?",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (desafixar|desfixar|tirar a fixação de) (um|o|meu) modelo(|?)"),
                "(Desafixar|Desfixar|Tirar a fixação de) (um|o|meu) modelo(|, por favor| por favor)",
                ("(O que é|Me explica|Me fala sobre|O que seria) (a desfixação|o comando unpin|batuta unpin)(|?)"),
                ("(Quero|Preciso|Gostaria de|Queria) (desafixar|desfixar|tirar a fixação de) (um|o|meu) modelo(|.)"),
                "(A desfixação|O comando unpin|Batuta unpin)(|?| por favor| ajuda)",
                ("(Dá para|É possível|Tem como|Posso) (desafixar|desfixar|tirar a fixação de) (um|o|meu) modelo?"),
                "(Qual|Que) comando desafixa (um|o|meu) modelo(|?)",
                "(Desafixar|Desfixar|Unpin|Tirar o pin)(|?| como| por favor)",
                "(Tirar|Remover) o pin (do|de um|deste) modelo(|?| por favor)",
                "(Eu fixei|Está fixado|Fixei um modelo), como (desfaço isso|desafixo|tiro a fixação)?",
            ),
        },
        say={
            "en": ("`batuta unpin MODEL` takes the pin back: the model may leave memory again when room is needed.",),
            "pt": (
                ("`batuta unpin MODEL` desfaz a fixação: o modelo pode sair da memória de novo quando falta espaço."),
            ),
        },
        facts={"en": ("`batuta unpin",), "pt": ("`batuta unpin",)},
    ),
    Topic(
        id="ttl",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (set|change) the (ttl|keep-alive|keep alive|idle time)(|?)"),
                "(Set|Change) the (ttl|keep-alive|keep alive|idle time)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (ttl|keep-alive|keep_alive|the idle timeout)(|?)",
                (
                    "(I want to|I need to|I'd like to|Help me) (set|change) the (ttl|keep-alive|keep "
                    "alive|idle time)(|.)"
                ),
                "(Ttl|Keep-alive|Keep_alive|The idle timeout)(|?| please| help)",
                (
                    "(I don't know|I can't find out|No idea) how to (set|change) the "
                    "(ttl|keep-alive|keep alive|idle time)"
                ),
                "How long does (a|an idle|my) model stay (in memory|loaded)(|?)",
                "(Unload|Drop) (a|my|the) model (after five minutes|when it is idle|after some time)",
                "(Ttl|Keep alive|Ttl_s|Idle time)(|?| model| setting)",
                "When does (an idle|an unused|a) model (leave|get unloaded|go away) by itself(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (definir|mudar) o (ttl|keep-alive|tempo "
                    "ocioso|tempo de vida)(|?)"
                ),
                "(Definir|Mudar) o (ttl|keep-alive|tempo ocioso|tempo de vida)(|, por favor| por favor)",
                ("(O que é|Me explica|Me fala sobre|O que seria) (ttl|keep-alive|keep_alive|o tempo ocioso)(|?)"),
                (
                    "(Quero|Preciso|Gostaria de|Queria) (definir|mudar) o (ttl|keep-alive|tempo "
                    "ocioso|tempo de vida)(|.)"
                ),
                "(Ttl|Keep-alive|Keep_alive|O tempo ocioso)(|?| por favor| ajuda)",
                ("(Dá para|É possível|Tem como|Posso) (definir|mudar) o (ttl|keep-alive|tempo ocioso|tempo de vida)?"),
                "Quanto tempo (um|o|meu) modelo fica (na memória|carregado)(|?)",
                (
                    "(Descarregar|Tirar) (um|meu|o) modelo (depois de cinco minutos|quando está "
                    "ocioso|depois de um tempo)"
                ),
                "(Ttl|Keep alive|Ttl_s|Tempo ocioso)(|?| modelo| opção)",
                "Quando (um modelo|o modelo) (ocioso|sem uso|parado) sai (sozinho|da memória)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "The keep-alive of a model is its `ttl_s`: seconds after its last use at which it is "
                    "unloaded; null means never by itself. Set it with `PATCH /manage/models/{id}`."
                ),
            ),
            "pt": (
                (
                    "O tempo ocioso de um modelo é o `ttl_s`: segundos após o último uso até ele ser "
                    "descarregado; null quer dizer nunca sozinho. Defina com `PATCH /manage/models/{id}`."
                ),
            ),
        },
        facts={
            "en": (
                "ttl_s",
                "PATCH",
            ),
            "pt": (
                "ttl_s",
                "PATCH",
            ),
        },
    ),
    Topic(
        id="loaded_now",
        ask={
            "en": (
                ("(How do I|How can I|How to) (see|list|show) (the loaded models|the models in memory|what is loaded)"),
                "(See|List|Show) (the loaded models|the models in memory|what is loaded)(|, please| please)",
                ("(I want to|Help me|I must) (see|list|show) (the loaded models|the models in memory|what is loaded)"),
                "(Can I|May I) (see|list|show) (the loaded models|the models in memory|what is loaded)?",
                (
                    "(I don't know|I can't find out|No idea) how to (see|list|show) (the loaded "
                    "models|the models in memory|what is loaded)"
                ),
                (
                    "(What is the command|What do I do|What must I do) to (see|list|show) (the loaded "
                    "models|the models in memory|what is loaded)(|?)"
                ),
                "(Which|What) (model is|models are) (loaded|in memory|in ram|in vram)(|?| now)",
                "(Ps|Batuta ps|Loaded models|Models in memory)(|?| list)",
                "(What is|Which models are) (loaded|in memory|resident) (now|right now|at the moment)(|?)",
                "(How much|What) memory does (each|a|my|this) model (use|take)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como posso|Como é que dá para) (ver|listar|mostrar) (os "
                    "modelos carregados|os modelos na memória|o que está carregado)(|?)"
                ),
                (
                    "(Ver|Listar|Mostrar) (os modelos carregados|os modelos na memória|o que está "
                    "carregado)(|, por favor| por favor)"
                ),
                (
                    "(Não sei|Não consigo descobrir|Não faço ideia de) como (ver|listar|mostrar) (os "
                    "modelos carregados|os modelos na memória|o que está carregado)"
                ),
                (
                    "(Dá para|É possível|Tem como|Posso) (ver|listar|mostrar) (os modelos "
                    "carregados|os modelos na memória|o que está carregado)?"
                ),
                (
                    "(Qual o comando|O que faço|O que devo fazer) para (ver|listar|mostrar) (os "
                    "modelos carregados|os modelos na memória|o que está carregado)(|?)"
                ),
                (
                    "(Qual o|Existe um) (jeito|comando) para (ver|listar|mostrar) (os modelos "
                    "carregados|os modelos na memória|o que está carregado)?"
                ),
                "(Qual modelo está|Que modelos estão) (carregado|na memória|na ram|na vram)(|?| agora)",
                "(Ps|Batuta ps|Modelos carregados|Modelos na memória)(|?| lista)",
                ("(O que está|Quais estão) (carregado|na memória|residente) (agora|neste momento|no momento)(|?)"),
                "Quanta memória (cada|um|meu|este) modelo (usa|ocupa|toma)(|?)",
            ),
        },
        say={
            "en": ("`batuta ps` lists the models in memory: what each takes, who uses it and how long it stays.",),
            "pt": (
                (
                    "`batuta ps` lista os modelos que estão na memória: quanto cada um ocupa, quem o usa "
                    "e até quando fica."
                ),
            ),
        },
        facts={"en": ("`batuta ps`",), "pt": ("`batuta ps`",)},
    ),
)
