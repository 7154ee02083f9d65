"""What starter-brain knows about models that fail and those that step in. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="fallback",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (fallback|the fallback|falling back)(|?)",
                "(Fallback|The fallback|Falling back)(|?| please| help)",
                "(I don't understand|I wonder about|I'm confused by) (fallback|the fallback|falling back)",
                "(A question|I have a question|Question) about (fallback|the fallback|falling back)",
                "(Tell me|Explain) (more|something) about (fallback|the fallback|falling back)",
                "What happens (when|if) (a|my|the) model (fails|does not answer|is down)(|?)",
                "(Does|Will|Can) another model (step in|answer instead|take over)(|?)",
                "(Fallback|Alternative model|Backup model|Substitute)(| order)(|?)",
                "(How does|How is) (the fallback|fallback|the alternative) (work|chosen)(|?)",
                "Why did another model (answer|reply|step in)(|?| this time| instead)",
            ),
            "pt": (
                "(O que é|Me explica|Me fala sobre|O que seria) (fallback|o fallback|modelo alternativo)(|?)",
                "(Fallback|O fallback|Modelo alternativo)(|?| por favor| ajuda)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (fallback|o fallback|modelo alternativo)",
                "(Me conta|Explica) (mais|algo) sobre (fallback|o fallback|modelo alternativo)",
                "(E sobre|E aí,|E) (fallback|o fallback|modelo alternativo)?",
                "O que acontece (quando|se) (um|meu|o) modelo (falha|não responde|cai)(|?)",
                "Outro modelo (pode entrar|responde no lugar|assume|entra no lugar)(|?| quando falha)",
                "(Fallback|Modelo alternativo|Modelo reserva|Substituto)(| ordem)(|?)",
                "Como (funciona|é escolhido|é) (o fallback|o alternativo|o substituto)(|?)",
                "Por que outro modelo (respondeu|entrou|assumiu)(|?| desta vez| no lugar)",
            ),
        },
        say={
            "en": (
                (
                    "Fallback is the step to the next model when one fails: first external APIs with a "
                    "working key, then local models already loaded, then any that fits. The answer always "
                    "says who stepped in."
                ),
            ),
            "pt": (
                (
                    "Fallback é o passo ao próximo modelo quando um falha: primeiro APIs externas com "
                    "chave válida, depois modelos locais já carregados, depois qualquer um que caiba. A "
                    "resposta sempre diz quem entrou."
                ),
            ),
        },
        facts={
            "en": (
                "fallback",
                "when one fails|fails",
                "external",
            ),
            "pt": (
                "fallback",
                "falha",
                "externa",
            ),
        },
    ),
    Topic(
        id="who_answered",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (see|know|find out) (which model answered|who answered)(|?)"),
                "(See|Know|Find out) (which model answered|who answered)(|, please| please)",
                (
                    "(What is|What's|Explain|Tell me about) (x-batuta-model|the header "
                    "x-batuta-model|x-batuta-route)(|?)"
                ),
                (
                    "(I want to|I need to|I'd like to|Help me) (see|know|find out) (which model "
                    "answered|who answered)(|.)"
                ),
                "(X-batuta-model|The header x-batuta-model|X-batuta-route)(|?| please| help)",
                "(Can I|Could I|Is there a way to) (see|know|find out) (which model answered|who answered)?",
                "(Which|What) model (answered|replied|wrote this|gave this answer)(|?)",
                "(Who answered|Who replied|Which model was it|Who wrote that)(|?| header)",
                "(Who|Which model) am I (talking|speaking|chatting) (to|with)(|?)",
                "(Which|What) (header|field) (names|tells|shows) the model(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (ver|saber|descobrir) (qual modelo "
                    "respondeu|quem respondeu)(|?)"
                ),
                "(Ver|Saber|Descobrir) (qual modelo respondeu|quem respondeu)(|, por favor| por favor)",
                ("(O que é|Explica|Me fala sobre) (x-batuta-model|o cabeçalho x-batuta-model|x-batuta-route)(|?)"),
                ("(Quero|Preciso|Gostaria de|Queria) (ver|saber|descobrir) (qual modelo respondeu|quem respondeu)(|.)"),
                "(X-batuta-model|O cabeçalho x-batuta-model|X-batuta-route)(|?| por favor| ajuda)",
                ("(Dá para|É possível|Tem como|Posso) (ver|saber|descobrir) (qual modelo respondeu|quem respondeu)?"),
                "(Qual|Que) modelo (respondeu|escreveu isso|deu esta resposta|foi)(|?)",
                "(Quem respondeu|Qual modelo foi|Quem escreveu isso|Quem falou)(|?| cabeçalho)",
                "Com (quem|qual modelo|que modelo) (estou falando|estou conversando|eu falo)(|?)",
                "(Qual|Que) (cabeçalho|campo) (diz|mostra|traz) o modelo(|?)",
            ),
        },
        say={
            "en": (
                (
                    "The answer's headers tell: `x-batuta-model` names the model that answered and "
                    "`x-batuta-route` says why. The page shows the model under each answer."
                ),
            ),
            "pt": (
                (
                    "Os cabeçalhos da resposta dizem: `x-batuta-model` traz o modelo que respondeu e "
                    "`x-batuta-route` diz por quê. A página mostra o modelo sob cada resposta."
                ),
            ),
        },
        facts={
            "en": (
                "x-batuta-model",
                "x-batuta-route",
            ),
            "pt": (
                "x-batuta-model",
                "x-batuta-route",
            ),
        },
    ),
    Topic(
        id="forbid_fallback",
        ask={
            "en": (
                (
                    "(How do I|How can I|How to|How would I) (forbid|turn off|disable|prevent) "
                    "(fallback|the fallback)(|?)"
                ),
                "(Forbid|Turn off|Disable|Prevent) (fallback|the fallback)(|, please| please)",
                ("(I want to|I need to|I'd like to|Help me) (forbid|turn off|disable|prevent) (fallback|the fallback)"),
                "(Can I|Could I|Is there a way to) (forbid|turn off|disable|prevent) (fallback|the fallback)?",
                ("(What's the|Is there a) (way|command) to (forbid|turn off|disable|prevent) (fallback|the fallback)?"),
                "(Only|Just) (this|my|the named) model (may|should) answer(|, no other|, nobody else)",
                "(No fallback|Fallback deny|Deny fallback|Without fallback)(|?| please)",
                "(I don't want|I do not want) (another|a different) model to (answer|step in)",
                "(Stop|Keep) Batuta from (using another model|switching to another model|falling back)(|?)",
                "(Which|What) header (forbids|denies|allows) (fallback|another model)(|?)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (proibir|desligar|desativar|impedir) (o fallback|fallback)(|?)"),
                "(Proibir|Desligar|Desativar|Impedir) (o fallback|fallback)(|, por favor| por favor)",
                ("(Dá para|É possível|Tem como|Posso) (proibir|desligar|desativar|impedir) (o fallback|fallback)?"),
                ("(Qual o|Existe um) (jeito|comando) para (proibir|desligar|desativar|impedir) (o fallback|fallback)?"),
                ("(Quero|Preciso|Gostaria de|Queria) (proibir|desligar|desativar|impedir) (o fallback|fallback)(|.)"),
                "(Só|Somente) (este|meu|o) modelo (pode|deve) responder(|, nenhum outro|, mais ninguém)",
                "(Sem fallback|Fallback deny|Negar fallback|Nada de fallback)(|?| por favor)",
                "Não quero que (outro|um outro) modelo (responda|entre|assuma)(|?| no lugar)",
                "(Impedir|Evitar) que o Batuta (use outro modelo|troque para outro modelo|faça fallback)(|?)",
                "(Qual|Que) cabeçalho (proíbe|nega|permite) (fallback|outro modelo)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Send the header `x-batuta-fallback: deny`, and no other model answers: you get an "
                    "error that names the cause. A model asked for by its own name is strict anyway; "
                    "`allow` permits another."
                ),
            ),
            "pt": (
                (
                    "Envie o cabeçalho `x-batuta-fallback: deny`, e nenhum outro modelo responde: você "
                    "recebe um erro com a causa. Um modelo chamado pelo próprio nome já é estrito; "
                    "`allow` permite outro."
                ),
            ),
        },
        facts={"en": ("x-batuta-fallback: deny",), "pt": ("x-batuta-fallback: deny",)},
    ),
    Topic(
        id="model_failed",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (a failed model|the cooldown|failed)(|?)",
                "(A failed model|The cooldown|Failed)(|?| please| help)",
                "(What about|How about|And) (a failed model|the cooldown|failed)?",
                "(Information|Details|Help) on (a failed model|the cooldown|failed)(|?)",
                "(I don't understand|I wonder about|I'm confused by) (a failed model|the cooldown|failed)",
                "My model (failed|is failed|has failed|shows failed)(|, what now|, why)",
                "(Failed|Cooldown|Model failed|Probation)(|?| meaning)",
                "What (is|does) (cooldown|the cooldown|failed|the state failed)(| mean)(|?)",
                "When (is|will) (a failed|the failed|my failed) model (be |)tried again(|?)",
                "(How long|Why) (does|is) (a|my) failed model (rest|wait|out)(|?)",
            ),
            "pt": (
                "(O que é|Me explica|Me fala sobre|O que seria) (um modelo que falhou|o cooldown|falhou)(|?)",
                "(Um modelo que falhou|O cooldown|Falhou)(|?| por favor| ajuda)",
                "(Informação|Detalhes|Ajuda) sobre (um modelo que falhou|o cooldown|falhou)(|?)",
                "(Não entendo|Fico confuso com|Não entendi) (um modelo que falhou|o cooldown|falhou)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (um modelo que falhou|o cooldown|falhou)",
                "Meu modelo (falhou|está como falhou|deu falha|aparece com falha)(|, e agora|, por quê)",
                "(Falhou|Cooldown|Modelo falhou|Falha)(|?| significado)",
                "O que (é|significa) (cooldown|o cooldown|falhou|o estado failed)(|?)",
                "Quando (um|o|meu) modelo que falhou (é tentado de novo|volta|tenta outra vez)(|?)",
                "(Quanto tempo|Por que) (um|meu) modelo que falhou (descansa|espera|fica fora)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "A failed model rests for a cooldown of 30 s, growing to 5 minutes at most, and is "
                    "then tried again. The page and `batuta models` show the reason; Try again retries at "
                    "once."
                ),
            ),
            "pt": (
                (
                    "Um modelo que falhou descansa 30 s, crescendo até 5 minutos, e depois é tentado de "
                    "novo. A página e `batuta models` mostram o motivo; Tentar de novo repete na hora."
                ),
            ),
        },
        facts={
            "en": (
                "cooldown",
                "30 s|tried again",
            ),
            "pt": (
                "descans",
                "30 s|de novo",
            ),
        },
    ),
    Topic(
        id="reset_failed",
        ask={
            "en": (
                ("(How do I|How can I|How to) (reset|clear|forget) (the failures|failed models|the failed cache)(|?)"),
                "(Reset|Clear|Forget) (the failures|failed models|the failed cache)(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (reset-failed|the failed cache|resetting failures)(|?)"),
                "(Reset-failed|The failed cache|Resetting failures)(|?| please| help)",
                "(Information|Details|Help) on (reset-failed|the failed cache|resetting failures)(|?)",
                ("(I want to|Help me|I must) (reset|clear|forget) (the failures|failed models|the failed cache)(|.)"),
                "(Retry|Try again) (a failed model|my model) (at once|now|right away|immediately)",
                "(Reset failed|Reset-failed|Clear failures|Clear errors)(|?| how)",
                "(Skip|End|Shorten) the (cooldown|waiting after a failure|cooldown of my model)(|?)",
                ("I (fixed|repaired|solved) the (cause|problem), how do I (reset it|clear the failure|retry now)?"),
            ),
            "pt": (
                (
                    "(Como|Como faço para) (zerar|limpar|esquecer) (as falhas|modelos que falharam|o "
                    "cache de falhas)(|?)"
                ),
                ("(Zerar|Limpar|Esquecer) (as falhas|modelos que falharam|o cache de falhas)(|, por favor| por favor)"),
                ("(O que é|Me explica|Me fala sobre|O que seria) (reset-failed|o cache de falhas|zerar falhas)(|?)"),
                "(Reset-failed|O cache de falhas|Zerar falhas)(|?| por favor| ajuda)",
                (
                    "(Quero|Preciso|Me ajuda a) (zerar|limpar|esquecer) (as falhas|modelos que "
                    "falharam|o cache de falhas)"
                ),
                "(Não entendo|Fico confuso com|Não entendi) (reset-failed|o cache de falhas|zerar falhas)",
                "(Tentar de novo|Repetir) (um modelo que falhou|meu modelo) (na hora|já|imediatamente|agora)",
                "(Zerar falhas|Reset-failed|Limpar falhas|Limpar erros)(|?| como)",
                "(Pular|Encerrar|Encurtar) (o cooldown|a espera depois da falha|o descanso)(|?)",
                "(Corrigi|Resolvi|Consertei) (a causa|o problema), como (zero a falha|limpo isso|tento já)?",
            ),
        },
        say={
            "en": (
                (
                    "Send `POST /manage/models/reset-failed`; without a body it forgets all failures, "
                    'with `{"model": "ID"}` those of one model. On the page, press Try again.'
                ),
            ),
            "pt": (
                (
                    "Envie `POST /manage/models/reset-failed`; sem corpo ele esquece todas as falhas, com "
                    '`{"model": "ID"}` as de um modelo. Na página, aperte Tentar de novo.'
                ),
            ),
        },
        facts={"en": ("reset-failed",), "pt": ("reset-failed",)},
    ),
    Topic(
        id="model_disabled",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (enable|re-enable|switch on) (a|my|the) (disabled |)model"),
                "(Enable|Re-enable|Switch on) (a|my|the) (disabled |)model(|, please| please)",
                "(What is|What's|Explain|Tell me about) (a disabled model|model_disabled|disabled models)(|?)",
                ("(What's the|Is there a) (way|command) to (enable|re-enable|switch on) (a|my|the) (disabled |)model?"),
                ("(How does one|How do you|How do people) (enable|re-enable|switch on) (a|my|the) (disabled |)model"),
                "(A disabled model|Model_disabled|Disabled models)(|?| please| help)",
                "(Why is|Who made) my model (disabled|switched off)(|?| suddenly| now)",
                "(Disabled|Model disabled|Enable|Enable model)(|?| again)",
                "(My|The) model (says|shows|is) (disabled|switched off)(|, what now|, why)",
                "(Turn|Switch|Bring) (a|my) disabled model (on|back)(| again|?)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (ativar|reativar|ligar de novo) (um|o|meu) modelo(| desativado)"),
                "(Ativar|Reativar|Ligar de novo) (um|o|meu) modelo(| desativado)(|, por favor| por favor)",
                ("(O que é|Explica|Me fala sobre) (um modelo desativado|model_disabled|modelos desativados)(|?)"),
                "(Um modelo desativado|Model_disabled|Modelos desativados)(|?| por favor| ajuda)",
                ("(Quero|Preciso|Gostaria de|Queria) (ativar|reativar|ligar de novo) (um|o|meu) modelo(| desativado)"),
                (
                    "(Dá para|É possível|Tem como|Posso) (ativar|reativar|ligar de novo) (um|o|meu) "
                    "modelo(| desativado)?"
                ),
                "Por que meu modelo (está desativado|foi desativado|foi desligado)(|?| agora| de repente)",
                "(Desativado|Modelo desativado|Ativar|Reativar modelo)(|?| de novo)",
                "(Meu|O) modelo (diz|mostra|está) (desativado|desligado)(|, e agora|, por quê)",
                "(Fazer|Trazer) (um|meu) modelo desativado (voltar|de volta)(|?| a funcionar)",
            ),
        },
        say={
            "en": (
                (
                    "After 5 failures in a row a model is disabled until a person enables it: press "
                    'Switch on on the page, or send `PATCH /manage/models/{id}` with `{"enabled": true}`.'
                ),
            ),
            "pt": (
                (
                    "Depois de 5 falhas seguidas um modelo é desativado até uma pessoa reativá-lo: aperte "
                    'Ativar na página, ou envie `PATCH /manage/models/{id}` com `{"enabled": true}`.'
                ),
            ),
        },
        facts={
            "en": (
                "disabled",
                "Switch on|enabled",
            ),
            "pt": (
                "desativad",
                "Ativar|enabled",
            ),
        },
    ),
)
