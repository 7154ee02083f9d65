"""What starter-brain knows about the files, settings and looks of an installation. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="data_folder",
        ask={
            "en": (
                ("(Where is|Where do I find|Where are) (the data folder|Batuta's data|my files|Batuta's files)(|?)"),
                "(Data folder|Data directory|Data dir|Data-dir)(|?| where| location)",
                ("Where (does Batuta|does it) (store|keep|save|put) (its files|its data|everything|the database)(|?)"),
                "(How do I|How can I|How to|How would I) (change|move|set) the data (folder|directory)(|?)",
                "(I want to|Help me|I must) (move|change|find) (the data folder|Batuta's data|Batuta's files)",
                "(Which|What) folder does Batuta (use|write to|save in)(|?)",
                "(Where is|Where do I find|Where are) (the database|the stored data|Batuta's database)(|?)",
                "(Where on my disk|In which folder|In which directory) (is|are) (its data|Batuta's files)(|?)",
                "(Location|Path) of (the data|the database|Batuta's files)(|?)",
                (
                    "(Can I|Could I|Is there a way to) (put|keep|store) Batuta's data (on another "
                    "disk|somewhere else)(|?)"
                ),
            ),
            "pt": (
                ("(Onde fica|Onde vejo) (a pasta de dados|os dados do Batuta|meus arquivos|os arquivos do Batuta)(|?)"),
                "(Pasta de dados|Diretório de dados|Data dir|Data-dir)(|?| onde| local)",
                ("Onde (o Batuta|ele) (guarda|salva|armazena|põe) (os arquivos|os dados|tudo|o banco de dados)(|?)"),
                "(Como|Como faço para|Como eu posso) (mudar|mover|definir) (a pasta|o diretório) de dados(|?)",
                ("(Quero|Preciso) (mover|mudar|achar) (a pasta de dados|os dados do Batuta|os arquivos do Batuta)"),
                "(Qual|Que) pasta o Batuta (usa|grava|utiliza)(|?)",
                (
                    "(Onde fica|Onde está|Onde encontro|Onde vejo) (o banco de dados|os dados "
                    "guardados|o banco do Batuta)"
                ),
                ("(Em que lugar do disco|Em que pasta|Em qual diretório) ficam (os dados|os arquivos do Batuta)(|?)"),
                "(Local|Caminho) (dos dados|do banco de dados|dos arquivos do Batuta)(|?)",
                ("(Dá para|Tem como) (pôr|guardar|deixar) os dados do Batuta (em outro disco|em outro lugar)(|?)"),
            ),
        },
        say={
            "en": (
                (
                    "Everything lies in the data folder: database, records, logs and models. `batuta "
                    "doctor` names it, on Linux it is `~/.local/share/batuta`, and `--data-dir` sets "
                    "another one."
                ),
            ),
            "pt": (
                (
                    "Tudo fica na pasta de dados: banco de dados, registros, logs e modelos. O `batuta "
                    "doctor` diz qual é, no Linux é `~/.local/share/batuta`, e `--data-dir` define outra."
                ),
            ),
        },
        facts={
            "en": (
                "data folder",
                "--data-dir",
                "doctor|config show",
            ),
            "pt": (
                "pasta de dados",
                "--data-dir",
                "doctor|config show",
            ),
        },
    ),
    Topic(
        id="logs",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (see|read|find|open) (the logs|the log|the log file)(|?)"),
                "(See|Read|Find|Open) (the logs|the log|the log file)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (the logs|the log file|log files)(|?)",
                ("(I don't know|I can't find out|No idea) how to (see|read|find|open) (the logs|the log|the log file)"),
                "(Can I|Could I|Is there a way to) (see|read|find|open) (the logs|the log|the log file)?",
                "(The logs|The log file|Log files)(|?| please| help)",
                ("(What's the|Is there a) (way|command) to (see|read|find|open) (the logs|the log|the log file)?"),
                "(Logs|Log|Log file|Gateway.log)(|?| where| please)",
                "Where (are|does Batuta write) (the logs|its logs|log files)(|?)",
                "(What|Which) (file|folder) (has|holds) the (log|logs|messages)(|?)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (ver|ler|achar|abrir) (os logs|o log|o arquivo de log)(|?)"),
                "(Ver|Ler|Achar|Abrir) (os logs|o log|o arquivo de log)(|, por favor| por favor)",
                ("(O que é|Me explica|Me fala sobre|O que seria) (os logs|o arquivo de log|arquivos de log)(|?)"),
                "(Dá para|É possível|Tem como|Posso) (ver|ler|achar|abrir) (os logs|o log|o arquivo de log)?",
                "(Os logs|O arquivo de log|Arquivos de log)(|?| por favor| ajuda)",
                ("(Qual o|Existe um) (jeito|comando) para (ver|ler|achar|abrir) (os logs|o log|o arquivo de log)?"),
                (
                    "(Como se faz|Como a gente faz|Como fazem) para (ver|ler|achar|abrir) (os logs|o "
                    "log|o arquivo de log)"
                ),
                "(Logs|Log|Arquivo de log|Gateway.log)(|?| onde| por favor)",
                "Onde (ficam|o Batuta escreve) (os logs|seus logs|arquivos de log)(|?)",
                "(Que|Qual) (arquivo|pasta) (tem|guarda) (o log|os logs|as mensagens)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "The gateway's log is `logs/gateway.log` in the data folder. What a model's process "
                    "wrote is at `GET /manage/logs/{id}`, the last 200 lines."
                ),
            ),
            "pt": (
                (
                    "O log do gateway é `logs/gateway.log` na pasta de dados. O que o processo de um "
                    "modelo escreveu está em `GET /manage/logs/{id}`, as últimas 200 linhas."
                ),
            ),
        },
        facts={"en": (r"gateway\.log",), "pt": (r"gateway\.log",)},
    ),
    Topic(
        id="settings_file",
        ask={
            "en": (
                ("(How do I|How can I|How to) (edit|find|change|open) the (settings|settings file|config file)(|?)"),
                "(Edit|Find|Change|Open) the (settings|settings file|config file)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (the settings file|config.toml|the configuration)(|?)",
                ("(Can I|Could I|Is there a way to) (edit|find|change|open) the (settings|settings file|config file)?"),
                "(The settings file|Config.toml|The configuration)(|?| please| help)",
                "(Tell me|Explain) (more|something) about (the settings file|config.toml|the configuration)",
                ("(I want to|Help me|I must) (edit|find|change|open) the (settings|settings file|config file)(|.)"),
                "(Settings|Config|Config file|Config.toml|Configuration)(|?| where)",
                "Where (is|are) (the settings|the config file|config.toml|the configuration)(|?)",
                "(Which|What) (file|format) (holds|has|do) the (settings|configuration)(|?)",
            ),
            "pt": (
                (
                    "(O que é|Me explica|Me fala sobre|O que seria) (o arquivo de "
                    "configuração|config.toml|a configuração)"
                ),
                "(O arquivo de configuração|Config.toml|A configuração)(|?| por favor| ajuda)",
                "(E sobre|E aí,|E) (o arquivo de configuração|config.toml|a configuração)?",
                (
                    "(Quero|Preciso) (editar|achar|mudar|abrir) (as configurações|o arquivo de "
                    "configuração|o config)(|.)"
                ),
                "(Informação|Detalhes|Ajuda) sobre (o arquivo de configuração|config.toml|a configuração)(|?)",
                (
                    "(Dá para|Tem como) (editar|achar|mudar|abrir) (as configurações|o arquivo de "
                    "configuração|o config)?"
                ),
                ("(Não entendo|Fico confuso com|Não entendi) (o arquivo de configuração|config.toml|a configuração)"),
                "(Configurações|Config|Arquivo de configuração|Config.toml)(|?| onde)",
                "Onde (fica|está) (o arquivo de configuração|o config.toml|a configuração)(|?)",
                "(Que|Qual) (arquivo|formato) (guarda|tem) (as configurações|a configuração)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "The settings file is `config.toml`, in TOML; `batuta config path` prints where it "
                    "is, and `BATUTA_CONFIG` names another one. `--set NAME=VALUE` sets one thing for one "
                    "start."
                ),
            ),
            "pt": (
                (
                    "O arquivo de configuração é `config.toml`, em TOML; `batuta config path` mostra onde "
                    "ele fica, e `BATUTA_CONFIG` indica outro. `--set NOME=VALOR` define uma coisa para "
                    "uma partida."
                ),
            ),
        },
        facts={
            "en": (
                r"config\.toml",
                "`batuta config path`",
            ),
            "pt": (
                r"config\.toml",
                "`batuta config path`",
            ),
        },
    ),
    Topic(
        id="env_vars",
        ask={
            "en": (
                (
                    "(How do I|How can I|How to) (configure|set up|set) Batuta (by|through|with) "
                    "environment variables(|?)"
                ),
                "(Configure|Set up|Set) Batuta (by|through|with) environment variables(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (environment variables|env vars|environment variable names)"),
                "(Environment variables|Env vars|Environment variable names)(|?| please| help)",
                "(What about|How about|And) (environment variables|env vars|environment variable names)?",
                (
                    "(I want to|Help me|I must) (configure|set up|set) Batuta (by|through|with) "
                    "environment variables(|.)"
                ),
                "(Which|What) (environment variables|env vars|variables) (are there|exist|does it read)(|?)",
                "(Environment variables|Env vars|Env|Variables)(|?| list)",
                "(What is|How do I write) the (variable name|environment variable) of a setting(|?)",
                "(Settings|Options) (in|by|through) (the environment|env vars|a docker env)(|?)",
            ),
            "pt": (
                ("(Como|Como faço para) (configurar|ajustar) o Batuta (por|com|através de) variáveis de ambiente(|?)"),
                ("(Configurar|Ajustar) o Batuta (por|com|através de) variáveis de ambiente(|, por favor| por favor)"),
                (
                    "(O que é|Explica|Me fala sobre) (variáveis de ambiente|env vars|nomes das "
                    "variáveis de ambiente)(|?)"
                ),
                "(Variáveis de ambiente|Env vars|Nomes das variáveis de ambiente)(|?| por favor| ajuda)",
                ("(Quero|Preciso|Me ajuda a) (configurar|ajustar) o Batuta (por|com|através de) variáveis de ambiente"),
                ("(Informação|Detalhes|Ajuda) sobre (variáveis de ambiente|env vars|nomes das variáveis de ambiente)"),
                "(Quais|Que) (variáveis de ambiente|env vars|variáveis) (existem|há|ele lê)(|?)",
                "(Variáveis de ambiente|Env vars|Env|Variáveis)(|?| lista)",
                "(Qual é|Como escrevo) (a variável|o nome da variável) de uma opção(|?)",
                "(Opções|Configurações) (no ambiente|por env vars|pelo ambiente)(|?| do shell)",
            ),
        },
        say={
            "en": (
                (
                    "Environment variables begin with `BATUTA_`, such as `BATUTA_PORT` or "
                    "`BATUTA_MEMORY_BUDGET`; a dot becomes two underscores, as in `BATUTA_QUEUE__LIMIT`. "
                    "`DEFAULT_MODEL` and `EXECUTOR_MODEL` work too."
                ),
            ),
            "pt": (
                (
                    "Variáveis de ambiente começam com `BATUTA_`, como `BATUTA_PORT` ou "
                    "`BATUTA_MEMORY_BUDGET`; um ponto vira dois sublinhados, como em "
                    "`BATUTA_QUEUE__LIMIT`. `DEFAULT_MODEL` e `EXECUTOR_MODEL` também valem."
                ),
            ),
        },
        facts={
            "en": (
                "BATUTA_PORT",
                "environment|variable",
            ),
            "pt": (
                "BATUTA_PORT",
                "ambiente|variáve",
            ),
        },
    ),
    Topic(
        id="setting_origin",
        ask={
            "en": (
                ("(How do I|How can I|How to) (see|show|find out) where a (setting|value) (comes from|was set)(|?)"),
                "(See|Show|Find out) where a (setting|value) (comes from|was set)(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (the origin of a setting|config show|setting precedence)(|?)"),
                "(The origin of a setting|Config show|Setting precedence)(|?| please| help)",
                ("(I want to|Help me|I must) (see|show|find out) where a (setting|value) (comes from|was set)(|.)"),
                "(Information|Details|Help) on (the origin of a setting|config show|setting precedence)(|?)",
                (
                    "(Which|What) (wins|is stronger|takes precedence), (the file|a flag) or (the "
                    "environment|a variable)?"
                ),
                "My setting (is ignored|has no effect|is not used|does not work)(|, why)",
                "(Config show|Show settings|--origin|Show config)(|?| please)",
                "(Show|Print|List) (all settings|every setting|the current settings)(|?)",
            ),
            "pt": (
                ("(Como|Como faço para) (ver|mostrar|descobrir) de onde vem (uma opção|um valor|uma configuração)(|?)"),
                ("(Ver|Mostrar|Descobrir) de onde vem (uma opção|um valor|uma configuração)(|, por favor| por favor)"),
                ("(O que é|Explica|Me fala sobre) (a origem de uma opção|config show|precedência das opções)(|?)"),
                "(A origem de uma opção|Config show|Precedência das opções)(|?| por favor| ajuda)",
                (
                    "(Quero|Preciso|Me ajuda a) (ver|mostrar|descobrir) de onde vem (uma opção|um "
                    "valor|uma configuração)"
                ),
                (
                    "(Não entendo|Fico confuso com|Não entendi) (a origem de uma opção|config "
                    "show|precedência das opções)"
                ),
                (
                    "(O que|Quem) (vence|é mais forte|tem prioridade), (o arquivo|o parâmetro) ou (o "
                    "ambiente|a variável)?"
                ),
                "Minha (opção|configuração) (é ignorada|não tem efeito|não vale|não funciona)(|, por quê)",
                "(Config show|Mostrar opções|--origin|Mostrar config)(|?| por favor)",
                "(Mostrar|Listar) (todas as opções|cada opção|as configurações atuais)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "`batuta config show --origin` shows every setting with its value and where it comes "
                    "from. The command line is strongest, then environment variables, then the file, then "
                    "the defaults."
                ),
            ),
            "pt": (
                (
                    "`batuta config show --origin` mostra cada opção com o valor e de onde ele vem. A "
                    "linha de comando é a mais forte, depois as variáveis de ambiente, o arquivo e os "
                    "padrões."
                ),
            ),
        },
        facts={"en": ("`batuta config show --origin`",), "pt": ("`batuta config show --origin`",)},
    ),
    Topic(
        id="language",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (change|set|choose|switch) the language (|of the page)(|?)"),
                "(Change|Set|Choose|Switch) the language (|of the page)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (the language|the page's language|languages)(|?)",
                ("(How does one|How do you|How do people) (change|set|choose|switch) the language (|of the page)(|?)"),
                "(The language|The page's language|Languages)(|?| please| help)",
                (
                    "(I want to|I need to|I'd like to|Help me) (change|set|choose|switch) the "
                    "language (|of the page)(|.)"
                ),
                "(Which|What) languages (are there|does Batuta speak|are supported)(|?)",
                "(Language|Portuguese|English|Translation)(|?| page)",
                "(Is|Can) the page (be |)in (Portuguese|English|my language)(|?)",
                ("(The page|Everything) is in (English|Portuguese|the wrong language)(|, how do I change it|, why)"),
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (mudar|trocar|escolher|definir) o idioma (|da página)(|?)"),
                "(Mudar|Trocar|Escolher|Definir) o idioma (|da página)(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (o idioma|a língua da página|idiomas)(|?)",
                "(Quero|Preciso|Gostaria de|Queria) (mudar|trocar|escolher|definir) o idioma (|da página)(|.)",
                "(O idioma|A língua da página|Idiomas)(|?| por favor| ajuda)",
                "(Dá para|É possível|Tem como|Posso) (mudar|trocar|escolher|definir) o idioma (|da página)?",
                "(Quais|Que) (idiomas|línguas) (há|o Batuta fala|são suportados)(|?)",
                "(Idioma|Português|Inglês|Tradução)(|?| página)",
                "A página (existe|tem|pode ficar) em (português|inglês|minha língua)(|?)",
                "(A página|Tudo) está em (inglês|português|idioma errado)(|, como mudo|, por quê)",
            ),
        },
        say={
            "en": (
                (
                    "The page speaks English and Brazilian Portuguese; choose at the bottom of the panel. "
                    "`BATUTA_LANGUAGE=pt-BR` makes Portuguese the default for everybody."
                ),
            ),
            "pt": (
                (
                    "A página fala inglês e português do Brasil; escolha no fim do painel. "
                    "`BATUTA_LANGUAGE=pt-BR` faz do português o padrão para todos."
                ),
            ),
        },
        facts={
            "en": (
                "BATUTA_LANGUAGE",
                "Portuguese",
            ),
            "pt": (
                "BATUTA_LANGUAGE",
                "português",
            ),
        },
    ),
    Topic(
        id="dark_theme",
        ask={
            "en": (
                (
                    "(How do I|How can I|How to|How would I) (turn on|use|switch to|enable) (dark "
                    "mode|the dark theme)(|?)"
                ),
                "(Turn on|Use|Switch to|Enable) (dark mode|the dark theme)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (dark mode|the dark theme|themes)(|?)",
                ("(I want to|I need to|I'd like to|Help me) (turn on|use|switch to|enable) (dark mode|the dark theme)"),
                "(Dark mode|The dark theme|Themes)(|?| please| help)",
                "(Can I|Could I|Is there a way to) (turn on|use|switch to|enable) (dark mode|the dark theme)?",
                "(Is there|Does it have|Does the page have) (a dark theme|a dark mode|a night mode)(|?)",
                "(Dark|Dark mode|Dark theme|Theme|Appearance)(|?| please)",
                "The page is too (bright|light|white|dark)(|, what can I do|?)",
                "(Change|Set|Choose) the (theme|appearance|colours)(|?| of the page)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (ligar|usar|ativar) (o modo escuro|o tema escuro|o escuro)(|?)"),
                "(Ligar|Usar|Ativar) (o modo escuro|o tema escuro|o escuro)(|, por favor| por favor)",
                "(O que é|Me explica|Me fala sobre|O que seria) (modo escuro|o tema escuro|temas)(|?)",
                ("(Quero|Preciso|Gostaria de|Queria) (ligar|usar|ativar) (o modo escuro|o tema escuro|o escuro)(|.)"),
                "(Modo escuro|O tema escuro|Temas)(|?| por favor| ajuda)",
                ("(Dá para|É possível|Tem como|Posso) (ligar|usar|ativar) (o modo escuro|o tema escuro|o escuro)?"),
                "(Existe|Tem|A página tem) (um tema escuro|um modo escuro|modo noturno)(|?)",
                "(Escuro|Modo escuro|Tema escuro|Tema|Aparência)(|?| por favor)",
                "A página está muito (clara|branca|brilhante|escura)(|, o que faço|?)",
                "(Mudar|Definir|Escolher) (o tema|a aparência|as cores)(|?| da página)",
            ),
        },
        say={
            "en": ("Light, dark or as your system is set: choose the theme at the bottom of the panel on the page.",),
            "pt": ("Claro, escuro ou como o seu sistema: escolha o tema no fim do painel da página.",),
        },
        facts={
            "en": (
                "dark",
                "bottom of the panel",
            ),
            "pt": (
                "escuro",
                "fim do painel",
            ),
        },
    ),
    Topic(
        id="several_installations",
        ask={
            "en": (
                ("(How do I|How can I|How to) (run|have|start) (two Batutas|several Batutas|a second Batuta)(|?)"),
                "(Run|Have|Start) (two Batutas|several Batutas|a second Batuta)(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (several installations|two installations|a second instance)"),
                ("(I want to|Help me|I must) (run|have|start) (two Batutas|several Batutas|a second Batuta)(|.)"),
                "(Several installations|Two installations|A second instance)(|?| please| help)",
                ("(Can I|Could I|Is there a way to) (run|have|start) (two Batutas|several Batutas|a second Batuta)?"),
                ("(Can I|Could I|Is there a way to) (run|have) (two|several) (gateways|instances|copies) (|at once)?"),
                "(Two batutas|Second instance|Several instances|Multiple installations)(|?| how)",
                "(A test|A second|Another) (installation|instance) beside (mine|the first)(|?)",
                "(Do|Will) two (installations|instances|Batutas) (disturb|touch|conflict with) each other(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (rodar|ter|iniciar) (dois|vários) Batutas(| "
                    "na mesma máquina)(|?)"
                ),
                "(Rodar|Ter|Iniciar) (dois|vários) Batutas(| na mesma máquina)(|, por favor| por favor)",
                ("(O que é|Explica|Me fala sobre) (várias instalações|duas instalações|uma segunda instância)(|?)"),
                ("(Dá para|É possível|Tem como|Posso) (rodar|ter|iniciar) (dois|vários) Batutas(| na mesma máquina)?"),
                "(Várias instalações|Duas instalações|Uma segunda instância)(|?| por favor| ajuda)",
                "(E sobre|E aí,|E) (várias instalações|duas instalações|uma segunda instância)?",
                ("(Dá para|Tem como) (rodar|ter) (dois gateways|várias instâncias|duas cópias)(| ao mesmo tempo)?"),
                "(Dois batutas|Segunda instância|Várias instâncias|Múltiplas instalações)(|?| como)",
                "(Uma segunda|Outra) (instalação|instância) ao lado (da minha|da primeira)(|?)",
                "Duas (instalações|instâncias|cópias) se (atrapalham|tocam|estorvam)(|?| entre si)",
            ),
        },
        say={
            "en": (
                (
                    "Give each installation a data folder and a port of its own: `batuta up --data-dir "
                    "~/second --port 22889`. Two installations with different data folders never touch "
                    "each other."
                ),
            ),
            "pt": (
                (
                    "Dê a cada instalação uma pasta de dados e uma porta próprias: `batuta up --data-dir "
                    "~/segunda --port 22889`. Duas instalações com pastas de dados diferentes nunca se "
                    "tocam."
                ),
            ),
        },
        facts={
            "en": (
                "--data-dir",
                "--port",
            ),
            "pt": (
                "--data-dir",
                "--port",
            ),
        },
    ),
)
