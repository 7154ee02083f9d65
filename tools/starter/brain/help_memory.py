"""What starter-brain knows about memory, its budget, eviction and swaps. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="why_evicted",
        ask={
            "en": (
                ("Why (was my model|did my model get|has my model been) (evicted|unloaded|kicked out|removed)(|?)"),
                "My model (disappeared|is gone|vanished|left) (|from memory), why?",
                "(Why did|Who made) (it|the model|my model) (leave|go|disappear)(| from memory)?",
                "(My|The) model (keeps|is always) (leaving|unloading|going away) (by itself|again and again)",
                "(Who|What) (unloaded|evicted|threw out|removed) my model(|?)",
                "Why (is|was) my model (not loaded any more|no longer in memory|gone)(|?)",
                "(It|The model) was loaded (before|an hour ago|a minute ago) and (now it isn't|is gone now)",
                "(Reason for|Cause of|Why) (the|an|this) eviction(|?)",
                "My model was (evicted|thrown out|unloaded|kicked out)(|, why| for no reason)",
                "Why does (Batuta|it) (unload|evict|throw out) (my models|models|my model)(|?)",
            ),
            "pt": (
                "Por que meu modelo foi (despejado|descarregado|expulso|removido)(|?| da memória)",
                "Meu modelo (sumiu|desapareceu|saiu|foi embora)(| da memória), por quê?",
                "(Por que|Quem fez) (ele|o modelo|meu modelo) (sair|sumir|desaparecer|saiu)(| da memória)",
                "(Meu|O) modelo (vive|fica) (saindo|sumindo|descarregando) (sozinho|toda hora)",
                "(Quem|O que) (descarregou|despejou|tirou|removeu) meu modelo(|?)",
                "Por que meu modelo (não está mais carregado|não está mais na memória|já não está lá)(|?|...)",
                "(Ele|O modelo) estava carregado (antes|há uma hora|há um minuto) e (agora não está|sumiu)",
                "(Motivo do|Causa do|Por que o) despejo(|?| do meu modelo| deste modelo)",
                "Meu modelo foi (despejado|tirado|descarregado|expulso)(|, por quê| sem motivo)",
                "Por que o Batuta (descarrega|despeja|expulsa|tira) (meus modelos|modelos)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Most likely another model needed room, and the least recently used one that was idle "
                    "and not pinned had to leave. `batuta story MODEL` tells the exact cause; `batuta pin "
                    "MODEL` prevents it."
                ),
            ),
            "pt": (
                (
                    "O mais provável é que outro modelo precisou de espaço, e o menos usado, ocioso e não "
                    "fixado, teve que sair. `batuta story MODEL` diz a causa exata; `batuta pin MODEL` "
                    "evita isso."
                ),
            ),
        },
        facts={
            "en": (
                "make room|needed room",
                "`batuta story",
            ),
            "pt": (
                "abrir espaço|precisou de espaço",
                "`batuta story",
            ),
        },
    ),
    Topic(
        id="what_is_eviction",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (eviction|evicting|to evict)(|?)",
                "(Eviction|Evicting|To evict)(|?| please| help)",
                "(Information|Details|Help) on (eviction|evicting|to evict)(|?)",
                "(I don't understand|I wonder about|I'm confused by) (eviction|evicting|to evict)",
                "(A question|I have a question|Question) about (eviction|evicting|to evict)",
                "What does (evict|evicted|eviction|evicting) mean(|?| here)",
                "(Meaning|Definition) of (evict|eviction|evicting)(| in Batuta)(|?)",
                "(Which model|Who) (is evicted|gets evicted|has to leave) (first|when memory is full)(|?)",
                "(How does|How is) (eviction|evicting) (work|done|decided)(|?)",
                '(It says|The page says|I read) (evicting|"evicting"), what (is that|does it mean)?',
            ),
            "pt": (
                "(O que é|Me explica|Me fala sobre|O que seria) (despejo|despejar|o despejo)(|?)",
                "(Despejo|Despejar|O despejo)(|?| por favor| ajuda)",
                "(Não entendo|Fico confuso com|Não entendi) (despejo|despejar|o despejo)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (despejo|despejar|o despejo)",
                "(Me conta|Explica) (mais|algo) sobre (despejo|despejar|o despejo)",
                "O que (significa|quer dizer) (despejar|despejado|despejo|evicting)(|?| aqui)",
                "(Significado|Definição) de (despejo|despejar|evict)(| no Batuta)(|?)",
                "(Qual modelo|Quem) (é despejado|sai|tem que sair) (primeiro|quando a memória enche)(|?)",
                "Como (funciona|é feito|se decide) o despejo(|?| de modelos| aqui)",
                '(Diz|A página diz|Eu li) (despejando|"evicting"), o que (é isso|significa)?',
            ),
        },
        say={
            "en": (
                (
                    "To evict is to unload a model so that another one has room. A model leaves only when "
                    "its running answers have ended, and a pinned one is never evicted."
                ),
            ),
            "pt": (
                (
                    "Despejar é descarregar um modelo para que outro tenha espaço. Um modelo só sai com "
                    "as respostas terminadas, e um fixado nunca é despejado."
                ),
            ),
        },
        facts={
            "en": (
                "to evict|eviction",
                "so that|another",
                "idle|ended",
            ),
            "pt": (
                "despejar",
                "outro",
                "ocioso|terminadas",
            ),
        },
    ),
    Topic(
        id="what_is_swap",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (a swap|swapping|a model swap)(|?)",
                "(A swap|Swapping|A model swap)(|?| please| help)",
                "(I don't understand|I wonder about|I'm confused by) (a swap|swapping|a model swap)",
                "(A question|I have a question|Question) about (a swap|swapping|a model swap)",
                "(Tell me|Explain) (more|something) about (a swap|swapping|a model swap)",
                "What (happens|is done) (in|during|at) a (swap|model swap)(|?)",
                "(How does|Explain how) (swapping|a swap|model swapping) (work|works)(|?)",
                '(What does|Meaning of) (swap|swapping|"swap")(| mean)(|?)',
                "(Can|Do) two models (take turns|alternate|share one card)(|?)",
                "Why does (Batuta|it) (swap|switch|exchange) models(|?| so often| all the time)",
            ),
            "pt": (
                "(O que é|Me explica|Me fala sobre|O que seria) (uma troca|swap|troca de modelos)(|?)",
                "(Uma troca|Swap|Troca de modelos)(|?| por favor| ajuda)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (uma troca|swap|troca de modelos)",
                "(Me conta|Explica) (mais|algo) sobre (uma troca|swap|troca de modelos)",
                "(E sobre|E aí,|E) (uma troca|swap|troca de modelos)?",
                "O que (acontece|é feito) (em|durante) uma (troca|troca de modelos)(|?)",
                "Como (funciona|é) (o swap|uma troca|a troca de modelos)(|?)",
                '(O que significa|Significado de) (swap|troca|"swap")(| aqui)(|?)',
                "Dois modelos (podem|conseguem) (se revezar|alternar|dividir uma placa)(|?)",
                "Por que o Batuta (troca|alterna|reveza) (modelos|os modelos)(|?| tanto)",
            ),
        },
        say={
            "en": (
                (
                    "A swap is when one model leaves memory and another takes its place, as brain and "
                    "executor take turns on a small card. Requests for the loaded model are served "
                    "together before a swap."
                ),
            ),
            "pt": (
                (
                    "Uma troca é quando um modelo sai da memória e outro toma o seu lugar, como brain e "
                    "executor se revezam em uma placa pequena. Os pedidos ao modelo carregado são "
                    "atendidos juntos antes da troca."
                ),
            ),
        },
        facts={
            "en": (
                "swap",
                "turns|takes its place",
            ),
            "pt": (
                "troca",
                "revez|lugar",
            ),
        },
    ),
    Topic(
        id="memory_budget",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (the memory budget|the budget|memory budget)(|?)",
                "(The memory budget|The budget|Memory budget)(|?| please| help)",
                "(A question|I have a question|Question) about (the memory budget|the budget|memory budget)",
                "(Tell me|Explain) (more|something) about (the memory budget|the budget|memory budget)",
                "(What about|How about|And) (the memory budget|the budget|memory budget)?",
                "(Information|Details|Help) on (the memory budget|the budget|memory budget)(|?)",
                'What does (the budget|the memory budget|"budget") mean(|?| here)',
                "(How much|What amount of) memory (may|can|will) (the models|Batuta|models) (use|take)(|?)",
                "(What is|What's) the (default|usual) (budget|memory budget|memory limit)(|?)",
                "(Does|Will) Batuta (use|take|eat) (all|all of) my (memory|ram|vram)(|?)",
            ),
            "pt": (
                ("(O que é|Explica|Me fala sobre) (o orçamento de memória|o orçamento|orçamento de memória)(|?)"),
                "(O orçamento de memória|O orçamento|Orçamento de memória)(|?| por favor| ajuda)",
                ("(Me conta|Explica) (mais|algo) sobre (o orçamento de memória|o orçamento|orçamento de memória)"),
                "(E sobre|E aí,|E) (o orçamento de memória|o orçamento|orçamento de memória)?",
                ("(Informação|Detalhes|Ajuda) sobre (o orçamento de memória|o orçamento|orçamento de memória)(|?)"),
                (
                    "(Não entendo|Fico confuso com|Não entendi) (o orçamento de memória|o "
                    "orçamento|orçamento de memória)"
                ),
                'O que (significa|quer dizer) (o orçamento|orçamento de memória|"orçamento")(|?| aqui)',
                "(Quanta|Quanto de) memória (os modelos|o Batuta) (pode|podem|vai) (usar|ocupar)(|?)",
                "Qual é o (orçamento|limite de memória|orçamento de memória) (padrão|normal)(|?)",
                "O Batuta (usa|toma|come) (toda|toda a) minha (memória|ram|vram)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "The memory budget is what all local models may take together. By default it is what "
                    "the device has, less a margin of 1.5 GB for everything else; no state of Batuta "
                    "exceeds it."
                ),
            ),
            "pt": (
                (
                    "O orçamento de memória é o que todos os modelos locais podem ocupar juntos. O padrão "
                    "é o que o dispositivo tem, menos uma margem de 1,5 GB para o resto; o Batuta nunca "
                    "passa dele."
                ),
            ),
        },
        facts={
            "en": (
                "budget is",
                "margin",
            ),
            "pt": (
                "orçamento",
                "margem",
            ),
        },
    ),
    Topic(
        id="set_budget",
        ask={
            "en": (
                (
                    "(How do I|How can I|How to|How would I) (set|change|limit|raise) the (memory "
                    "budget|memory limit)(|?)"
                ),
                "(Set|Change|Limit|Raise) the (memory budget|memory limit)(|, please| please)",
                ("(What's the|Is there a) (way|command) to (set|change|limit|raise) the (memory budget|memory limit)?"),
                (
                    "(How does one|How do you|How do people) (set|change|limit|raise) the (memory "
                    "budget|memory limit)(|?)"
                ),
                ("(I want to|I need to|I'd like to|Help me) (set|change|limit|raise) the (memory budget|memory limit)"),
                "(Give|Let) (Batuta|the models) (have|use|)(| only) (16 GB|8 GB|less memory)",
                "(Which|What) (option|setting|flag|variable) sets the (budget|memory budget)(|?)",
                "(Use|Take) (less|more) (memory|ram|vram)(|, how)(|?)",
                "(Memory-budget|--memory-budget|BATUTA_MEMORY_BUDGET|Memory.budget)(|?| how)",
                "(Limit|Restrict|Cap) (the memory|the ram|the vram) (of|for) (models|Batuta)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (definir|mudar|limitar|aumentar) o "
                    "(orçamento|limite de memória)"
                ),
                "(Definir|Mudar|Limitar|Aumentar) o (orçamento|limite de memória)(|, por favor| por favor)",
                ("(Quero|Preciso|Gostaria de|Queria) (definir|mudar|limitar|aumentar) o (orçamento|limite de memória)"),
                (
                    "(Dá para|É possível|Tem como|Posso) (definir|mudar|limitar|aumentar) o "
                    "(orçamento|limite de memória)?"
                ),
                (
                    "(Como se faz|Como a gente faz|Como fazem) para (definir|mudar|limitar|aumentar) "
                    "o (orçamento|limite de memória)(|?)"
                ),
                "(Dar|Deixar) (ao Batuta|aos modelos) (só 16 GB|8 GB|menos memória)(|?)",
                "(Que|Qual) (opção|configuração|variável) define o (orçamento|orçamento de memória)(|?)",
                "(Usar|Gastar) (menos|mais) (memória|ram|vram)(|, como)(|?)",
                "(Memory-budget|--memory-budget|BATUTA_MEMORY_BUDGET|Memory.budget)(|?| como)",
                "(Limitar|Restringir|Reduzir) (a memória|a ram|a vram) (dos modelos|do Batuta)",
            ),
        },
        say={
            "en": (
                (
                    'Start with `batuta up --memory-budget 16GB`, or set `budget = "16GB"` under '
                    "`[memory]` in the settings file, or the variable `BATUTA_MEMORY_BUDGET`."
                ),
            ),
            "pt": (
                (
                    'Inicie com `batuta up --memory-budget 16GB`, ou ponha `budget = "16GB"` em '
                    "`[memory]` no arquivo de configuração, ou a variável `BATUTA_MEMORY_BUDGET`."
                ),
            ),
        },
        facts={"en": ("--memory-budget",), "pt": ("--memory-budget",)},
    ),
    Topic(
        id="free_memory",
        ask={
            "en": (
                ("(How do I|How to) (see|check|know) (how much memory is free|the free memory|the memory left)(|?)"),
                ("(See|Check|Know) (how much memory is free|the free memory|the memory left)(|, please| please)"),
                "(What is|What's|Explain|Tell me about) (the free memory|the memory bar|memory use)(|?)",
                "(The free memory|The memory bar|Memory use)(|?| please| help)",
                (
                    "(I want to|Help me|I must) (see|check|know) (how much memory is free|the free "
                    "memory|the memory left)"
                ),
                "(What about|How about|And) (the free memory|the memory bar|memory use)?",
                "How much (memory|ram|vram) is (free|left|available|used)(|?| now)",
                "(Free memory|Memory left|Memory usage|Memory bar)(|?| please)",
                "(Where do I see|Show me|What is) the (memory usage|memory use|used memory)(|?)",
                "(Is there|Do I have) (enough|any|some) memory left(|?)",
            ),
            "pt": (
                (
                    "(O que é|Me explica|Me fala sobre|O que seria) (a memória livre|a barra de "
                    "memória|o uso de memória)"
                ),
                (
                    "(Quero|Preciso) (ver|conferir|saber) (quanta memória está livre|a memória "
                    "livre|a memória que sobra)"
                ),
                "(A memória livre|A barra de memória|O uso de memória)(|?| por favor| ajuda)",
                "(Informação|Detalhes|Ajuda) sobre (a memória livre|a barra de memória|o uso de memória)(|?)",
                ("(Não entendo|Fico confuso com|Não entendi) (a memória livre|a barra de memória|o uso de memória)"),
                ("(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (a memória livre|a barra de memória|o uso de memória)"),
                "(Quanta|Quanto de) (memória|ram|vram) está (livre|sobrando|disponível|em uso)(|?)",
                "(Memória livre|Memória restante|Uso de memória|Barra de memória)(|?| por favor)",
                "(Onde vejo|Me mostra|Qual é) o (uso de memória|consumo de memória)(|?|...)",
                "(Ainda tem|Há|Sobra) (memória|alguma memória|ram|vram)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "The memory bar on the page shows what each model holds of the budget and what is "
                    "left; `batuta status` shows it in the terminal."
                ),
            ),
            "pt": (
                (
                    "A barra de memória da página mostra quanto cada modelo ocupa do orçamento e quanto "
                    "sobra; `batuta status` mostra isso no terminal."
                ),
            ),
        },
        facts={
            "en": (
                "`batuta status`",
                "memory bar",
            ),
            "pt": (
                "`batuta status`",
                "barra de memória",
            ),
        },
    ),
    Topic(
        id="does_not_fit",
        ask={
            "en": (
                "(My|The|This) model (does not fit|doesn't fit|won't fit)(|, what now| in memory)",
                "(My|The|This) model is too (big|large) (for my memory|for my card|for this machine)(|?)",
                "(No_fit|No fit|Does not fit|Error no_fit)(|?| what| error)",
                "What (can|do) I do (if|when) a model (does not fit|is too big|is too large)(|?)",
                "(It says|The list says|The page says) (never fits|never|it will never fit)(|, why)",
                "(The|My) model needs (more memory|more ram|more vram) than (I have|there is)",
                ("(How do I|How to) (use|run) a model (that is too big|that doesn't fit|bigger than my memory)(|?)"),
                "Why (does|will) (my|this|the) model (not fit|never fit)(|?)",
                "(Too little|Not enough|Insufficient) (memory|vram|ram) for (this|my) model",
                "(Model too big|Model too large|Too big)(|?| help| for memory)",
            ),
            "pt": (
                "(Meu|O|Este) modelo não (cabe|vai caber|coube)(|, e agora| na memória)",
                ("(Meu|O|Este) modelo é grande demais (para minha memória|para minha placa|para esta máquina)(|?)"),
                "(No_fit|Não cabe|Não coube|Erro no_fit)(|?| o que| erro)",
                "O que (faço|posso fazer) (se|quando) um modelo (não cabe|é grande demais)(|?)",
                "(Diz|A lista diz|A página diz) que (nunca cabe|ele nunca cabe|não cabe nunca)(|, por quê)",
                "(O|Meu) modelo precisa de (mais memória|mais ram|mais vram) do que (tenho|existe)",
                ("(Como|Como faço para) (usar|rodar) um modelo (grande demais|que não cabe|maior que a memória)(|?)"),
                "Por que (meu|este|o) modelo (não cabe|nunca cabe|não coube)(|?)",
                "(Pouca|Não há) (memória|vram|ram) para (este|meu) modelo(|?)",
                "(Modelo muito grande|Modelo grande demais|Grande demais)(|?| ajuda| para a memória)",
            ),
        },
        say={
            "en": (
                (
                    "A model that does not fit needs more than the budget, or pinned models are in its "
                    "way. Take a smaller or more quantized one, unpin something, lower "
                    "`engine.context_length`, or raise the budget."
                ),
            ),
            "pt": (
                (
                    "Um modelo que não cabe precisa de mais que o orçamento, ou há modelos fixados no "
                    "caminho. Use um menor ou mais quantizado, desafixe algo, reduza "
                    "`engine.context_length` ou aumente o orçamento."
                ),
            ),
        },
        facts={
            "en": (
                "no_fit|does not fit",
                "smaller",
                "context",
            ),
            "pt": (
                "no_fit|não cabe",
                "menor",
                "context",
            ),
        },
    ),
    Topic(
        id="out_of_memory",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (out of memory|oom|the out of memory error)(|?)",
                "(Out of memory|Oom|The out of memory error)(|?| please| help)",
                "(Information|Details|Help) on (out of memory|oom|the out of memory error)(|?)",
                ("(I don't understand|I wonder about|I'm confused by) (out of memory|oom|the out of memory error)"),
                "(A question|I have a question|Question) about (out of memory|oom|the out of memory error)",
                "(I get|There is|It ended with) (out of memory|an oom|out_of_memory)(|, what now| error)",
                "(Cuda|Gpu|Vulkan|The card) (out of memory|ran out of memory|oom)(|?)",
                "(The load|Loading|My model) (failed|crashed) (with|because of) out of memory(|?)",
                "What (happens|does Batuta do|can I do) (on|at|when) out of memory(|?)",
                "(My|The) (machine|computer|card) ran out of (memory|ram)(|, help)",
            ),
            "pt": (
                (
                    "(O que é|Me explica|Me fala sobre|O que seria) (falta de memória|oom|o erro de "
                    "falta de memória)(|?)"
                ),
                "(Falta de memória|Oom|O erro de falta de memória)(|?| por favor| ajuda)",
                "(Não entendo|Fico confuso com|Não entendi) (falta de memória|oom|o erro de falta de memória)",
                ("(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (falta de memória|oom|o erro de falta de memória)"),
                "(Me conta|Explica) (mais|algo) sobre (falta de memória|oom|o erro de falta de memória)",
                "(Recebo|Deu|Terminou em) (falta de memória|out of memory|out_of_memory)(|, e agora| erro)",
                "(Cuda|A gpu|Vulkan|A placa) (ficou sem memória|sem memória|out of memory)(|?)",
                "(A carga|O carregamento|Meu modelo) falhou (com|por) (falta de memória|out of memory)",
                "O que (acontece|o Batuta faz|posso fazer) (na|com|em caso de) falta de memória(|?)",
                "(Minha|A) (máquina|placa) ficou sem (memória|ram)(|, ajuda|, e agora)",
            ),
        },
        say={
            "en": (
                (
                    "On out of memory Batuta evicts what is not pinned and retries once, then fails with "
                    "the figures. Close other programs that hold the card, or lower "
                    "`engine.context_length` or the budget."
                ),
            ),
            "pt": (
                (
                    "Com falta de memória o Batuta despeja o que não está fixado, tenta de novo uma vez e "
                    "depois falha com os números. Feche outros programas que ocupam a placa, ou reduza "
                    "`engine.context_length` ou o orçamento."
                ),
            ),
        },
        facts={
            "en": (
                "out of memory|out_of_memory",
                "retr",
                "context_length|other programs",
            ),
            "pt": (
                "falta de memória|out_of_memory",
                "de novo|repete",
                "context_length|outros programas",
            ),
        },
    ),
)
