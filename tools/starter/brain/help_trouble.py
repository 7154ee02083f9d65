"""What starter-brain knows about waiting, crashes and finding causes. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="slow_load",
        ask={
            "en": (
                "(Loading|The load|My model's load) takes (too long|very long|forever|minutes)(|, why)",
                "Why (is|does) loading (so slow|take so long|slow)(|?| here| a model)",
                "(How long|How many minutes) does (loading|a load|it) take(|?| for a model)",
                "(See|Watch|Follow) (the progress|how far it is|the loading progress)(| of a load)(|?)",
                "(Slow load|Slow loading|Load timeout|Loading progress)(|?| help)",
                "(My|The) model (is stuck|hangs|stays) (at loading|in loading|at 40 percent)(|, why)",
                "(The load|Loading) (timed out|ended with a timeout|exceeded the time)(|, what now|?)",
                "(Raise|Change|Set) the (load timeout|time limit of a load|loading timeout)(|?)",
                "(Still|Why still|It is still) loading(|...|?| after a minute)(|, help)",
                "(How far|What percent) is (the load|loading|my model)(|?| now)",
            ),
            "pt": (
                "(O carregamento|A carga|Carregar) demora (demais|muito|uma eternidade|minutos)(|, por quê)",
                "Por que (carregar|o carregamento) (é tão lento|demora tanto|está lento)(|?)",
                "(Quanto tempo|Quantos minutos) (leva|demora) (o carregamento|para carregar|a carga)(|?)",
                "(Ver|Acompanhar) (o progresso|quanto falta|o progresso do carregamento)(|?| da carga)",
                "(Carga lenta|Carregamento lento|Timeout de carga|Progresso)(|?| ajuda)",
                "(Meu|O) modelo (travou|parou|fica) (em carregando|carregando|em 40 por cento)(|, por quê)",
                "(A carga|O carregamento) (deu timeout|estourou o tempo|passou do tempo)(|, e agora|?)",
                ("(Aumentar|Mudar|Definir) o (timeout de carga|limite de tempo da carga|tempo de carregamento)(|?)"),
                "(Ainda|Por que ainda|Continua) carregando(|...|?| depois de um minuto)(|, ajuda)",
                "(Quanto|Quantos por cento) (já carregou|falta carregar|está do carregamento)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "A big model on a slow disk takes minutes of loading; the page shows the stage and "
                    "the percent of progress. A load may take 180 s unless `loader.load_timeout_s` says "
                    "otherwise."
                ),
            ),
            "pt": (
                (
                    "Um modelo grande em disco lento leva minutos para carregar; a página mostra a etapa "
                    "e a porcentagem do progresso. Um carregamento pode levar 180 s, salvo o que "
                    "`loader.load_timeout_s` disser."
                ),
            ),
        },
        facts={
            "en": (
                "loading",
                "percent|progress",
                "180",
            ),
            "pt": (
                "carrega",
                "porcentagem|progresso",
                "180",
            ),
        },
    ),
    Topic(
        id="queue",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (the queue|queueing|waiting requests)(|?)",
                "(The queue|Queueing|Waiting requests)(|?| please| help)",
                "(A question|I have a question|Question) about (the queue|queueing|waiting requests)",
                "(Tell me|Explain) (more|something) about (the queue|queueing|waiting requests)",
                "(What about|How about|And) (the queue|queueing|waiting requests)?",
                "(How long|How many seconds) does (a request|my request) wait(| in the queue)(|?)",
                "(Queue|Queue_full|Waiting|Queue limit)(|?| meaning| how)",
                "Why (is|does) my (request|question|message) (waiting|wait|in a queue)(|?)",
                "(What happens|What if) (when|if|) (many|several|two) (requests|people) come at once(|?)",
                '(It says|The page says|I see) (waiting|"waiting"|queued)(|, for what|, why|?)',
            ),
            "pt": (
                "(O que é|Me explica|Me fala sobre|O que seria) (a fila|fila de espera|pedidos em espera)(|?)",
                "(A fila|Fila de espera|Pedidos em espera)(|?| por favor| ajuda)",
                "(Me conta|Explica) (mais|algo) sobre (a fila|fila de espera|pedidos em espera)",
                "(E sobre|E aí,|E) (a fila|fila de espera|pedidos em espera)?",
                "(Informação|Detalhes|Ajuda) sobre (a fila|fila de espera|pedidos em espera)(|?)",
                "(Quanto tempo|Quantos segundos) (um|meu) pedido espera(| na fila)(|?)",
                "(Fila|Queue_full|Esperando|Limite da fila)(|?| significado| como)",
                "Por que (meu pedido|minha pergunta|minha mensagem) (espera|está esperando|está na fila)(|?)",
                "(O que acontece|E) se (muitos|vários|dois) (pedidos|usuários) chegam (juntos|de uma vez)(|?)",
                '(Diz|A página diz|Aparece) (esperando|"esperando"|na fila)(|, o quê|, por quê|?)',
            ),
        },
        say={
            "en": (
                (
                    "Requests wait in a queue for their model, at most `queue.deadline_s` (180 s). A busy "
                    "model is drained for a waiting one after `queue.max_wait_s`, and nobody watches more "
                    "than two swaps go by."
                ),
            ),
            "pt": (
                (
                    "Os pedidos esperam o seu modelo em uma fila, no máximo `queue.deadline_s` (180 s). "
                    "Um modelo ocupado dá lugar a outro após `queue.max_wait_s`, e ninguém vê passar mais "
                    "de duas trocas."
                ),
            ),
        },
        facts={
            "en": (
                "queue",
                r"queue\.(deadline_s|max_wait)",
            ),
            "pt": (
                "fila",
                r"queue\.(deadline_s|max_wait)",
            ),
        },
    ),
    Topic(
        id="loader",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (the loader|the loader process|loader)(|?)",
                "(The loader|The loader process|Loader)(|?| please| help)",
                "(Tell me|Explain) (more|something) about (the loader|the loader process|loader)",
                "(What about|How about|And) (the loader|the loader process|loader)?",
                "(Information|Details|Help) on (the loader|the loader process|loader)(|?)",
                "What does the (loader|loader process|batuta loader) do(| exactly)(|?)",
                "(Loader|Loader process|Batuta loader|The loader)(|?| meaning)",
                "Why (is there|do I need|does it have) a (loader|second process|separate process)(|?)",
                "(What is|What's) the difference (of|between) (gateway and loader|loader and gateway)(|?)",
                "(Why does|Does) Batuta (run|start|have) (two|several|many) processes(|?)",
            ),
            "pt": (
                "(O que é|Me explica|Me fala sobre|O que seria) (o loader|o processo loader|loader)(|?)",
                "(O loader|O processo loader|Loader)(|?| por favor| ajuda)",
                "(E sobre|E aí,|E) (o loader|o processo loader|loader)?",
                "(Informação|Detalhes|Ajuda) sobre (o loader|o processo loader|loader)(|?)",
                "(Não entendo|Fico confuso com|Não entendi) (o loader|o processo loader|loader)",
                "O que o (loader|processo loader|batuta loader) faz(| exatamente)(|?)",
                "(Loader|Processo loader|Batuta loader|O loader)(|?| significado)",
                "Por que (existe|preciso de|há) um (loader|segundo processo|processo separado)(|?)",
                "Qual a diferença (entre|de) (gateway e loader|loader e gateway|o loader e o gateway)(|?)",
                "(Por que |)o Batuta (roda|inicia|tem) (dois|vários|muitos) processos(|?)",
            ),
        },
        say={
            "en": (
                (
                    "The loader is a separate process that owns the memory of local models and starts one "
                    "child process for each, so that a crash costs one model only."
                ),
            ),
            "pt": (
                (
                    "O loader é um processo separado, dono da memória dos modelos locais, que inicia um "
                    "processo filho para cada um, de modo que uma queda custa só um modelo."
                ),
            ),
        },
        facts={
            "en": (
                "loader",
                "owns|separate process",
            ),
            "pt": (
                "loader",
                "processo separado|dono",
            ),
        },
    ),
    Topic(
        id="loader_crashed",
        ask={
            "en": (
                "The loader (crashed|died|is gone|is down)(|, what now|, why|?)",
                "(Loader_down|Loader down|Loader crashed|Loader died)(|?| error| help)",
                "What happens (when|if) the loader (crashes|dies|stops)(|?)",
                "(My|The) loader (keeps crashing|crashes again and again|does not start|won't start)",
                "(Who|What) restarts the (loader|crashed loader|dead loader)(|?| and when)",
                "(It says|The page says|I get) (loader down|loader_down|the loader is not running)(|?)",
                "(Restart|Bring back|Revive) the (loader|dead loader|crashed loader)(|?)",
                "(A|My) model (process |)(crashed|died|was killed)(|, is everything lost|, what now)",
                "(Is|Are) (everything|all models|my models) lost (when|if) the loader (dies|crashes)(|?)",
                "(Crash|A crash|Crashes) of the (loader|loader process)(|?| help)",
            ),
            "pt": (
                "O loader (caiu|morreu|sumiu|está fora)(|, e agora|, por quê|?)",
                "(Loader_down|Loader fora|Loader caiu|Loader morreu)(|?| erro| ajuda)",
                "O que acontece (quando|se) o loader (cai|morre|para)(|?)",
                "(Meu|O) loader (vive caindo|cai toda hora|não inicia|não sobe)(|?)",
                "(Quem|O que) reinicia o (loader|loader que caiu|loader morto)(|?| e quando)",
                "(Diz|A página diz|Recebo) (loader fora|loader_down|que o loader não roda)(|?)",
                "(Reiniciar|Trazer de volta|Reviver) o (loader|loader morto|loader que caiu)(|?)",
                "(O processo do|O|Meu) modelo (caiu|morreu|foi morto)(|, perdi tudo|, e agora)",
                "(Tudo|Todos os modelos) se perde (quando|se) o loader (morre|cai|para)(|?)",
                "(Queda|Uma queda|Quedas) do (loader|processo loader)(|?| ajuda)",
            ),
        },
        say={
            "en": (
                (
                    "When the loader crashes, the gateway restarts it after 0.5 to 30 s and reloads the "
                    "default model. After 5 crashes in 60 s it gives up visibly; look at `batuta status` "
                    "and `batuta doctor`."
                ),
            ),
            "pt": (
                (
                    "Quando o loader cai, o gateway o reinicia após 0,5 a 30 s e recarrega o modelo "
                    "padrão. Depois de 5 quedas em 60 s ele desiste e avisa; veja `batuta status` e "
                    "`batuta doctor`."
                ),
            ),
        },
        facts={
            "en": (
                "loader",
                "restart",
                "30 s|reload",
            ),
            "pt": (
                "loader",
                "reinici",
                "30 s|recarrega",
            ),
        },
    ),
    Topic(
        id="gateway_restart",
        ask={
            "en": (
                ("(How do I|How to) (restart|reboot) (the gateway|Batuta) (without losing models|and keep the models)"),
                (
                    "(Restart|Reboot) (the gateway|Batuta) (without losing models|and keep the "
                    "models)(|, please| please)"
                ),
                ("(Can I|May I) (restart|reboot) (the gateway|Batuta) (without losing models|and keep the models)?"),
                (
                    "(I want to|I need to|I'd like to|Help me) (restart|reboot) (the gateway|Batuta) "
                    "(without losing models|and keep the models)(|.)"
                ),
                (
                    "(Does|Will|Can) (my models|a model|models) (survive|stay loaded through) a "
                    "(restart|gateway restart)"
                ),
                "What happens to (my models|the models) (when|if) the gateway (restarts|stops|crashes)(|?)",
                "(Grace|Grace time|--grace|Gateway restart|Keep models)(|?| meaning)",
                "(Are|Must) models (be |)(reloaded|loaded again) after a (restart|gateway restart)(|?)",
                "(What is|Explain) the (grace time|grace period|option --grace)(|?| please)",
                "(Change|Raise|Set) the (grace time|grace period)(|?| of the loader| please)",
            ),
            "pt": (
                (
                    "(Dá para|Tem como) (reiniciar|religar) (o gateway|o Batuta) (sem perder "
                    "modelos|e manter os modelos)?"
                ),
                (
                    "(Quero|Preciso) (reiniciar|religar) (o gateway|o Batuta) (sem perder modelos|e "
                    "manter os modelos)(|.)"
                ),
                (
                    "(Como|Como faço para|Como posso|Como é que dá para) (reiniciar|religar) (o "
                    "gateway|o Batuta) (sem perder modelos|e manter os modelos)(|?)"
                ),
                (
                    "(Reiniciar|Religar) (o gateway|o Batuta) (sem perder modelos|e manter os "
                    "modelos)(|, por favor| por favor)"
                ),
                ("(Meus modelos|Os modelos) (sobrevivem a|ficam carregados em) um (reinício|reinício do gateway)(|?)"),
                "O que acontece com (meus|os) modelos (quando|se) o gateway (reinicia|para|cai)(|?)",
                "(Tolerância|Grace|--grace|Reinício do gateway|Manter modelos)(|?| significado)",
                ("Os modelos são (recarregados|carregados de novo) (depois de|após) um (reinício|reinício do gateway)"),
                "(O que é|Explica) (o tempo de tolerância|a tolerância|a opção --grace)(|?| por favor)",
                "(Mudar|Aumentar|Definir) (o tempo de tolerância|a tolerância)(|?| do loader| por favor)",
            ),
        },
        say={
            "en": (
                (
                    "When the gateway restarts, the loader keeps the models warm for a grace time of 60 "
                    "s, and the new gateway finds them still loaded. `--grace` changes that time."
                ),
            ),
            "pt": (
                (
                    "Quando o gateway reinicia, o loader mantém os modelos quentes por 60 s de "
                    "tolerância, e o novo gateway os encontra carregados. `--grace` muda esse tempo."
                ),
            ),
        },
        facts={
            "en": (
                "grace",
                "60 s",
            ),
            "pt": (
                "--grace",
                "60 s",
            ),
        },
    ),
    Topic(
        id="doctor",
        ask={
            "en": (
                ("(How do I|How can I|How to) (diagnose|troubleshoot|examine) (a problem|my installation|Batuta)(|?)"),
                "(Diagnose|Troubleshoot|Examine) (a problem|my installation|Batuta)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (doctor|batuta doctor|the doctor command)(|?)",
                (
                    "(Can I|Could I|Is there a way to) (diagnose|troubleshoot|examine) (a problem|my "
                    "installation|Batuta)?"
                ),
                "(Doctor|Batuta doctor|The doctor command)(|?| please| help)",
                "(Information|Details|Help) on (doctor|batuta doctor|the doctor command)(|?)",
                "(Something|It|Batuta) (is broken|does not work|is wrong|doesn't work)(|, what now|, help)",
                "(What does|What is) (batuta doctor|the doctor command|doctor) (do|for)(|?)",
                "(Doctor|Diagnosis|Troubleshooting|Help it is broken)(|?| please)",
                "(Find|Check) what is (wrong|broken)(|?| with Batuta| here| with my installation)",
            ),
            "pt": (
                ("(Como|Como faço para) (diagnosticar|examinar|resolver) (um problema|minha instalação|o Batuta)(|?)"),
                ("(Diagnosticar|Examinar|Resolver) (um problema|minha instalação|o Batuta)(|, por favor| por favor)"),
                "(O que é|Me explica|Me fala sobre|O que seria) (doctor|batuta doctor|o comando doctor)(|?)",
                "(Dá para|Tem como) (diagnosticar|examinar|resolver) (um problema|minha instalação|o Batuta)?",
                "(Doctor|Batuta doctor|O comando doctor)(|?| por favor| ajuda)",
                "(Não entendo|Fico confuso com|Não entendi) (doctor|batuta doctor|o comando doctor)",
                ("(Algo|Isso|O Batuta) (está quebrado|não funciona|está errado|deu problema)(|, e agora|, ajuda)"),
                "(O que faz|Para que serve) o (batuta doctor|comando doctor|doctor)(|?)",
                "(Doctor|Diagnóstico|Resolver problemas|Socorro quebrou)(|?| por favor)",
                "(Achar|Ver) o que está (errado|quebrado)(|?| no Batuta| aqui| na instalação)",
            ),
        },
        say={
            "en": (
                (
                    "`batuta doctor` examines this machine and this installation and says what to do "
                    "next: folders, models it saw, broken files, servers that answer. Exit code 1 means "
                    "something is broken."
                ),
            ),
            "pt": (
                (
                    "`batuta doctor` examina esta máquina e esta instalação e diz o que fazer: pastas, "
                    "modelos que viu, arquivos quebrados, servidores que respondem. Código de saída 1 "
                    "quer dizer que algo está quebrado."
                ),
            ),
        },
        facts={
            "en": (
                "`batuta doctor`",
                "examines",
            ),
            "pt": (
                "`batuta doctor`",
                "examina",
            ),
        },
    ),
)
