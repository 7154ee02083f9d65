"""What starter-brain knows about brain, executor, the commander and names that stand for a choice. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="brain_and_executor",
        ask={
            "en": (
                (
                    "(What is|What's|Explain) (brain and executor|the brain and the executor|the "
                    "roles brain and executor)"
                ),
                ("(Brain and executor|The brain and the executor|The roles brain and executor)(|?| please| help)"),
                (
                    "(I don't understand|I wonder about|I'm confused by) (brain and executor|the "
                    "brain and the executor|the roles brain and executor)"
                ),
                (
                    "(A question|I have a question|Question) about (brain and executor|the brain and "
                    "the executor|the roles brain and executor)"
                ),
                (
                    "(Tell me|Explain) (more|something) about (brain and executor|the brain and the "
                    "executor|the roles brain and executor)"
                ),
                "(What is|What's) the difference between (brain and executor|the brain and the executor)(|?)",
                "(Brain|Executor|Brain vs executor|Roles)(|?| meaning)",
                "What does (brain|executor|the brain|the executor) (mean|do)(|?)",
                "What are (the roles|roles|brain and executor) (for|in Batuta)(| please)(|?)",
                "Why (are there|do I need) (two roles|two models|a brain and an executor)(|?)",
            ),
            "pt": (
                ("(O que é|Explica|Me fala sobre) (brain e executor|o brain e o executor|os papéis brain e executor)"),
                "(Brain e executor|O brain e o executor|Os papéis brain e executor)(|?| por favor| ajuda)",
                "(E sobre|E aí,|E) (brain e executor|o brain e o executor|os papéis brain e executor)?",
                (
                    "(Informação|Detalhes|Ajuda) sobre (brain e executor|o brain e o executor|os "
                    "papéis brain e executor)"
                ),
                (
                    "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (brain e executor|o brain e o "
                    "executor|os papéis brain e executor)"
                ),
                "Qual (é|seria) a diferença entre (brain e executor|o brain e o executor)(|?)",
                "(Brain|Executor|Brain ou executor|Papéis)(|?| significado)",
                "O que (significa|faz) (brain|executor|o brain|o executor)(|?)",
                "Para que servem (os papéis|papéis|brain e executor)(|?| no Batuta)(| por favor)",
                "Por que (existem|preciso de) (dois papéis|dois modelos|um brain e um executor)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Brain and executor are roles: the brain is the model that talks, plans and reasons, "
                    "and the executor is the model that writes and repairs code. On a small card they "
                    "take turns."
                ),
            ),
            "pt": (
                (
                    "Brain e executor são papéis: o brain é o modelo que conversa, planeja e raciocina, e "
                    "o executor é o modelo que escreve e conserta código. Em uma placa pequena eles se "
                    "revezam."
                ),
            ),
        },
        facts={
            "en": (
                "brain is",
                "executor",
                "code",
            ),
            "pt": (
                "brain é|brain conversa",
                "executor",
                "código",
            ),
        },
    ),
    Topic(
        id="set_brain",
        ask={
            "en": (
                (
                    "(How do I|How can I|How to|How would I) (set|change|choose) the (brain|default "
                    "model|main model)(|?)"
                ),
                "(Set|Change|Choose) the (brain|default model|main model)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (the default model|--brain|DEFAULT_MODEL)(|?)",
                "(Can I|Could I|Is there a way to) (set|change|choose) the (brain|default model|main model)?",
                "(The default model|--brain|DEFAULT_MODEL)(|?| please| help)",
                ("(What's the|Is there a) (way|command) to (set|change|choose) the (brain|default model|main model)?"),
                "(Make|Use) (a|my|this) model (the brain|the default|my default)(|?)",
                "(Which|What) (model is|option sets) the (brain|default model)(|?)",
                "(Set brain|Change brain|Default model|Brain model)(|?| how)",
                "(Use|Take) (another|a different) model as (brain|the brain|default)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (definir|mudar|escolher) o (brain|modelo "
                    "padrão|modelo principal)"
                ),
                "(Definir|Mudar|Escolher) o (brain|modelo padrão|modelo principal)(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (o modelo padrão|--brain|DEFAULT_MODEL)(|?)",
                "(Dá para|Tem como) (definir|mudar|escolher) o (brain|modelo padrão|modelo principal)?",
                "(O modelo padrão|--brain|DEFAULT_MODEL)(|?| por favor| ajuda)",
                "(Me conta|Explica) (mais|algo) sobre (o modelo padrão|--brain|DEFAULT_MODEL)",
                "(Tornar|Usar) (um|meu|este) modelo (o brain|o padrão|como padrão)(|?)",
                "(Qual modelo é|Que opção define) o (brain|modelo padrão)(|?| aqui)",
                "(Definir brain|Mudar brain|Modelo padrão|Modelo brain)(|?| como)",
                "(Usar|Pôr) (outro|um outro) modelo como (brain|o brain|padrão)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Start with `batuta up --brain MODEL`, or set `brain` in the settings file or the "
                    "variable `DEFAULT_MODEL`. The brain is the default model."
                ),
            ),
            "pt": (
                (
                    "Inicie com `batuta up --brain MODEL`, ou ponha `brain` no arquivo de configuração ou "
                    "a variável `DEFAULT_MODEL`. O brain é o modelo padrão."
                ),
            ),
        },
        facts={
            "en": (
                "--brain",
                "default",
            ),
            "pt": (
                "--brain",
                "padrão",
            ),
        },
    ),
    Topic(
        id="set_executor",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (set|change|choose) the (executor|code model|coding model)"),
                "(Set|Change|Choose) the (executor|code model|coding model)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (the executor model|--executor|EXECUTOR_MODEL)(|?)",
                ("(Can I|Could I|Is there a way to) (set|change|choose) the (executor|code model|coding model)?"),
                "(The executor model|--executor|EXECUTOR_MODEL)(|?| please| help)",
                (
                    "(What's the|Is there a) (way|command) to (set|change|choose) the (executor|code "
                    "model|coding model)?"
                ),
                "(Make|Use) (a|my|this) model (the executor|for code|for coding)(|?)",
                "(Which|What) (model is|option sets) the (executor|code model)(|?)",
                "(Set executor|Change executor|Code model|Executor model)(|?| how)",
                "(Use|Take) (another|a different) model (as executor|for code|for programming)(|?)",
            ),
            "pt": (
                ("(Como|Como faço para) (definir|mudar|escolher) o (executor|modelo de código|modelo para código)(|?)"),
                ("(Definir|Mudar|Escolher) o (executor|modelo de código|modelo para código)(|, por favor| por favor)"),
                ("(O que é|Me explica|Me fala sobre|O que seria) (o modelo executor|--executor|EXECUTOR_MODEL)(|?)"),
                "(O modelo executor|--executor|EXECUTOR_MODEL)(|?| por favor| ajuda)",
                "(E sobre|E aí,|E) (o modelo executor|--executor|EXECUTOR_MODEL)?",
                (
                    "(Quero|Preciso|Me ajuda a) (definir|mudar|escolher) o (executor|modelo de "
                    "código|modelo para código)"
                ),
                "(Tornar|Usar) (um|meu|este) modelo (o executor|para código|para programar)(|?)",
                "(Qual modelo é|Que opção define) o (executor|modelo de código)(|?| aqui)",
                "(Definir executor|Mudar executor|Modelo de código|Modelo executor)(|?| como)",
                "(Usar|Pôr) (outro|um outro) modelo (como executor|para código|para programar)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Start with `batuta up --executor MODEL`, or set `executor` in the settings file or "
                    "the variable `EXECUTOR_MODEL`. It is the model for code."
                ),
            ),
            "pt": (
                (
                    "Inicie com `batuta up --executor MODEL`, ou ponha `executor` no arquivo de "
                    "configuração ou a variável `EXECUTOR_MODEL`. É o modelo para código."
                ),
            ),
        },
        facts={
            "en": (
                "--executor",
                "EXECUTOR_MODEL",
            ),
            "pt": (
                "--executor",
                "EXECUTOR_MODEL",
            ),
        },
    ),
    Topic(
        id="auto",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (auto|the model auto|the auto mode)(|?)",
                "(Auto|The model auto|The auto mode)(|?| please| help)",
                "(What about|How about|And) (auto|the model auto|the auto mode)?",
                "(Information|Details|Help) on (auto|the model auto|the auto mode)(|?)",
                "(I don't understand|I wonder about|I'm confused by) (auto|the model auto|the auto mode)",
                'What does (auto|the name auto|"auto"|model auto) (mean|do)(|?)',
                "(Auto|Auto model|Model auto|Automatic)(|?| meaning)",
                "(Let|Make) Batuta (choose|pick|decide on) the (model|best model)(|?)",
                "(Who|Which model) answers (when I choose|with|for|if I use) auto(|?)",
                "(Choose|Select|Pick) a model (automatically|by itself|for each message)(|?)",
            ),
            "pt": (
                "(O que é|Me explica|Me fala sobre|O que seria) (auto|o modelo auto|o modo auto)(|?)",
                "(Auto|O modelo auto|O modo auto)(|?| por favor| ajuda)",
                "(Informação|Detalhes|Ajuda) sobre (auto|o modelo auto|o modo auto)(|?)",
                "(Não entendo|Fico confuso com|Não entendi) (auto|o modelo auto|o modo auto)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (auto|o modelo auto|o modo auto)",
                'O que (significa|faz) (auto|o nome auto|"auto"|o modelo auto)(|?)',
                "(Auto|Modelo auto|Modo auto|Automático)(|?| significado)",
                "(Deixar|Fazer) o Batuta (escolher|decidir) o (modelo|melhor modelo)(|?)",
                "(Quem|Que modelo) responde (quando escolho|com|no|se uso) auto(|?)",
                "(Escolher|Selecionar|Decidir) o modelo (automaticamente|sozinho|a cada mensagem)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "`auto` is a model name that leaves the choice to Batuta: it chooses the model for "
                    "each message, normally the brain, or the next best model when that one cannot "
                    "answer."
                ),
            ),
            "pt": (
                (
                    "`auto` é um nome de modelo que deixa a escolha com o Batuta: ele escolhe o modelo "
                    "para cada mensagem, em geral o brain, ou o próximo melhor quando esse não pode "
                    "responder."
                ),
            ),
        },
        facts={
            "en": (
                "auto",
                "chooses|choice",
            ),
            "pt": (
                "auto",
                "escolhe|escolha",
            ),
        },
    ),
    Topic(
        id="model_names",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (aliases|model aliases|virtual model names)(|?)",
                "(Aliases|Model aliases|Virtual model names)(|?| please| help)",
                "(Information|Details|Help) on (aliases|model aliases|virtual model names)(|?)",
                ("(I don't understand|I wonder about|I'm confused by) (aliases|model aliases|virtual model names)"),
                "(A question|I have a question|Question) about (aliases|model aliases|virtual model names)",
                "(Which|What) model (name|id) (do I write|must I send|do I use|goes in the request)(|?)",
                "(Alias|Aliases|Model name|Model id|Virtual names)(| list)(|?)",
                "(Model_not_found|Model not found|Unknown model)(|, why|, what is the right name)(|?)",
                "(Which|What) (virtual names|aliases|special names) (are there|exist)(|?)",
                "(What do I put|What goes) (in|into) the (field model|model field|model parameter)(|?)",
            ),
            "pt": (
                "(O que é|Explica|Me fala sobre) (apelidos|apelidos de modelos|nomes virtuais de modelo)(|?)",
                "(Apelidos|Apelidos de modelos|Nomes virtuais de modelo)(|?| por favor| ajuda)",
                ("(Não entendo|Fico confuso com|Não entendi) (apelidos|apelidos de modelos|nomes virtuais de modelo)"),
                (
                    "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (apelidos|apelidos de modelos|nomes "
                    "virtuais de modelo)"
                ),
                "(Me conta|Explica) (mais|algo) sobre (apelidos|apelidos de modelos|nomes virtuais de modelo)",
                "(Que|Qual) (nome|id) de modelo (escrevo|devo enviar|eu uso|vai no pedido)(|?)",
                "(Apelido|Apelidos|Nome do modelo|Id do modelo|Nomes virtuais)(| lista)(|?)",
                ("(Model_not_found|Modelo não encontrado|Modelo desconhecido)(|, por quê|, qual o nome certo)(|?)"),
                "(Que|Quais) (nomes virtuais|apelidos|nomes especiais) (há|existem)(|?)",
                "(O que ponho|O que vai) no (campo model|campo do modelo|parâmetro model)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "In `model` you may write the id of a model as `batuta models` lists it, or one of "
                    "the alias names `auto`, `brain` and `executor`. A provider's models are named "
                    "`provider/model`."
                ),
            ),
            "pt": (
                (
                    "Em `model` você pode pôr o id de um modelo como `batuta models` mostra, ou um dos "
                    "apelidos `auto`, `brain` e `executor`. Os modelos de um provedor se chamam "
                    "`provedor/modelo`."
                ),
            ),
        },
        facts={
            "en": (
                r"\bid\b",
                "`auto`",
                "`executor`",
            ),
            "pt": (
                r"\bid\b",
                "`auto`",
                "`executor`",
            ),
        },
    ),
    Topic(
        id="commander",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (the commander|commander|the smart commander)(|?)",
                "(The commander|Commander|The smart commander)(|?| please| help)",
                "(What about|How about|And) (the commander|commander|the smart commander)?",
                "(Information|Details|Help) on (the commander|commander|the smart commander)(|?)",
                ("(I don't understand|I wonder about|I'm confused by) (the commander|commander|the smart commander)"),
                "What does the (commander|model commander|smart commander) do(| exactly)(|?)",
                "(Commander|Smart commander|Model commander|Create_smart_commander)(|?| meaning)",
                ("(Can I|Could I|Is there a way to) (plan and run|write and execute|run) code (|with Batuta)(|?)"),
                "(How does|How is) (Batuta|the commander) (run|execute) code(| safely)(|?)",
                ("(Can brain and executor|Can two models) (work together|cooperate) (on a task|on one task)(|?)"),
            ),
            "pt": (
                "(O que é|Me explica|Me fala sobre|O que seria) (o commander|commander|o comandante)(|?)",
                "(O commander|Commander|O comandante)(|?| por favor| ajuda)",
                "(Informação|Detalhes|Ajuda) sobre (o commander|commander|o comandante)(|?)",
                "(Não entendo|Fico confuso com|Não entendi) (o commander|commander|o comandante)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (o commander|commander|o comandante)",
                "O que o (commander|modelo commander|comandante) faz(| exatamente)(|?)",
                "(Commander|Comandante|Modelo commander|Create_smart_commander)(|?| significado)",
                (
                    "(Dá para|É possível|Tem como|Posso) (planejar e rodar|escrever e executar|rodar) "
                    "código(| no Batuta)"
                ),
                "Como (o Batuta|o commander) (roda|executa) código(| com segurança)(|?)",
                (
                    "(Brain e executor|Dois modelos) podem (trabalhar juntos|cooperar) (em uma "
                    "tarefa|na mesma tarefa)(|?)"
                ),
            ),
        },
        say={
            "en": (
                (
                    "The commander handles bigger tasks: the brain plans, the executor writes the code, "
                    "Batuta runs it in a sandbox and returns errors for repair, and the brain checks and "
                    "reports."
                ),
            ),
            "pt": (
                (
                    "O commander cuida de tarefas maiores: o brain planeja, o executor escreve o código, "
                    "o Batuta o roda em uma sandbox e devolve os erros para conserto, e o brain confere e "
                    "relata."
                ),
            ),
        },
        facts={
            "en": (
                "commander",
                "plans",
                "executor",
            ),
            "pt": (
                "commander",
                "planeja",
                "executor",
            ),
        },
    ),
)
