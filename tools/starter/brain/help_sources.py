"""What starter-brain knows about where models come from. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="first_model",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) get (my first|a first|my very first) model(|?)",
                "(First model|My first model|The first model)(|?|, how)(| please)",
                "(I have no|There is no|There are no|I don't have any) (model|models)(| yet|, what now)(|?)",
                "(The list|The picker|My list) of models is empty(|, what now|, what do I do)(|?)",
                "(What|Which) model should I (start with|begin with|try first|use first)(|?)",
                "(How do I|How can I|How to|How would I) get (a real|a better|a bigger|a good) model(|?)",
                ("(I want to|I need to|I'd like to|Help me) (get|have) (a real|a better|my first|a bigger) model"),
                ("(You are|The starter is|This model is) too (small|weak|simple), how do I get a (better|bigger) one?"),
                "(Where do I get|From where do I get|How do I obtain) (models|a model)(| from)(|?)",
                "(No models|No model|Zero models) (found|yet|here|available)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como posso|Como é que dá para) (ter|conseguir|obter) "
                    "(meu|o) primeiro modelo(|?)"
                ),
                "(Primeiro modelo|Meu primeiro modelo|O primeiro modelo)(|?|, como)(| por favor)",
                "(Não tenho|Não há|Não existe|Ainda não tenho) nenhum modelo(|, e agora|, o que faço)(|?)",
                "(A lista|A seleção|Minha lista) de modelos está vazia(|, e agora|, o que faço)(|?)",
                ("(Qual|Que) modelo (devo usar primeiro|eu uso primeiro|devo experimentar primeiro|uso para começar)"),
                ("(Como|Como faço para|Como eu posso) (ter|conseguir) um modelo (de verdade|melhor|maior|bom)(|?)"),
                (
                    "(Quero|Preciso|Gostaria de|Queria) (ter|conseguir) (um modelo de verdade|um "
                    "modelo melhor|meu primeiro modelo|um modelo maior)"
                ),
                ("(Você é|O inicial é|Este modelo é) muito (pequeno|fraco|simples), como consigo um (melhor|maior)?"),
                "(Onde consigo|De onde tiro|Como obtenho) (modelos|um modelo)(| aqui)(|?)",
                "(Sem modelos|Sem modelo|Zero modelos) (encontrados|ainda|aqui|disponíveis)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "To get your first model, download one with `batuta pull NAME`, or copy a GGUF file "
                    "into the models folder, or add a server such as Ollama. It then appears in `batuta "
                    "models`."
                ),
            ),
            "pt": (
                (
                    "Para ter o seu primeiro modelo, baixe um com `batuta pull NAME`, ou copie um arquivo "
                    "GGUF para a pasta de modelos, ou adicione um servidor como o Ollama. Ele aparece em "
                    "`batuta models`."
                ),
            ),
        },
        facts={
            "en": (
                "first model|no model",
                "pull",
                "GGUF",
            ),
            "pt": (
                "primeiro modelo|nenhum modelo",
                "pull",
                "GGUF",
            ),
        },
    ),
    Topic(
        id="gguf_where",
        ask={
            "en": (
                "Where (do I put|should I put|do I copy|do I save) (a|the|my) (gguf|gguf file|.gguf file)(|?)",
                "(Gguf|Gguf file|Gguf files|.gguf)(|?| where| folder)",
                "(How do I|How can I|How to|How would I) (add|import|install) a (gguf|gguf file)(|?)",
                ("(How do I|How can I|How to|How would I) use (a|my) (gguf|gguf file|model file) (|with Batuta)(|?)"),
                ("I (have|downloaded|got) a (gguf|gguf file|.gguf), (where does it go|what now|where do I put it)?"),
                ("(I want to|I need to|I'd like to|Help me) (add|use|import) a (gguf|gguf file|local model file)"),
                "(Which|What) folder (is|does one use) for (gguf|model) files(|?)",
                "(Does|Can) Batuta (run|read|open|load) gguf(| files)?",
                ("(I copied|I put in) a (gguf|model file) and it (doesn't show|is not in the list|does not appear)"),
                "(What|Which) (file format|file type|model format) does Batuta (use|run|need|read)(|?)",
            ),
            "pt": (
                "Onde (coloco|devo colocar|copio|salvo) (um|o|meu) (gguf|arquivo gguf|arquivo .gguf)(|?)",
                "(Gguf|Arquivo gguf|Arquivos gguf|.gguf)(|?| onde| pasta)",
                "(Como|Como faço para|Como eu posso) (adicionar|importar|instalar) um (gguf|arquivo gguf)(|?)",
                (
                    "(Como|Como faço para|Como eu posso) usar (um|meu) (gguf|arquivo gguf|arquivo de "
                    "modelo)(| no Batuta)"
                ),
                "(Tenho|Baixei|Arrumei) um (gguf|arquivo gguf|.gguf), (para onde vai|e agora|onde coloco)?",
                ("(Quero|Preciso|Me ajuda a) (adicionar|usar|importar) um (gguf|arquivo gguf|arquivo de modelo local)"),
                "(Qual|Que) pasta (é|se usa) para (arquivos gguf|arquivos de modelo)(|?)",
                "O Batuta (roda|lê|abre|carrega) (gguf|arquivos gguf)(|?)",
                ("(Copiei|Coloquei) um (gguf|arquivo de modelo) e ele (não aparece|não está na lista|não surgiu)"),
                "(Qual|Que) (formato de arquivo|tipo de arquivo|formato de modelo) o Batuta (usa|roda|lê)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Put the `.gguf` file into the folder `models` of the data folder, on Linux "
                    "`~/.local/share/batuta/models`. It appears within ten seconds, with no restart; its "
                    "id is the file's name."
                ),
            ),
            "pt": (
                (
                    "Coloque o arquivo `.gguf` na pasta `models` da pasta de dados, no Linux "
                    "`~/.local/share/batuta/models`. Ele aparece em dez segundos, sem reiniciar; o id é o "
                    "nome do arquivo."
                ),
            ),
        },
        facts={
            "en": (
                r"\.?gguf",
                "ten seconds",
            ),
            "pt": (
                r"\.?gguf",
                "dez segundos",
            ),
        },
    ),
    Topic(
        id="models_folder",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) add (a|another|my own) models folder(|?)",
                "(Models folder|Models directory|Model folders|Models dir)(|?| add| change)",
                ("(How do I|How can I|How to|How would I) (change|set|choose) the models (folder|directory)(|?)"),
                "(Can I|Could I|Is there a way to) use (several|two|more than one|my own) models folders?",
                ("My models (are|lie|live) (in another folder|on another disk|on a second drive)(|, what now)(|?)"),
                "(I want to|Help me|I must) (add|use) (another|my own|a second) (folder|directory) of models",
                "(Which option|What option|Which setting|Which flag) sets the models (folder|directory)(|?)",
                "(Tell Batuta to|Make Batuta|Let Batuta) (look|search) for models in (another|my) folder",
                "(Models-dir|--models-dir|BATUTA_MODELS_DIR|Models_dirs)(|?| meaning| how)",
                (
                    "I (keep|store) my models (somewhere else|in my home folder|on an external disk), "
                    "how do I (add|use) (it|them)?"
                ),
            ),
            "pt": (
                "(Como|Como faço para|Como eu posso) adicionar (uma|outra|minha própria) pasta de modelos(|?)",
                "(Pasta de modelos|Diretório de modelos|Pastas de modelos|Models dir)(|?| adicionar| mudar)",
                ("(Como|Como faço para|Como eu posso) (mudar|definir|escolher) (a pasta|o diretório) de modelos(|?)"),
                (
                    "(Dá para|É possível|Tem como|Posso) usar (várias|duas|mais de uma|minhas "
                    "próprias) pastas de modelos?"
                ),
                ("Meus modelos (estão|ficam) (em outra pasta|em outro disco|em um segundo disco)(|, e agora)(|?)"),
                (
                    "(Quero|Preciso|Me ajuda a) (adicionar|usar) (outra|minha própria|uma segunda) "
                    "pasta (de|com) modelos"
                ),
                "(Que opção|Qual opção|Qual configuração|Que parâmetro) define a pasta de modelos(|?)",
                "(Dizer ao Batuta para|Fazer o Batuta) (procurar|buscar) modelos em (outra|minha) pasta",
                "(Models-dir|--models-dir|BATUTA_MODELS_DIR|Models_dirs)(|?| significado| como)",
                (
                    "Eu (guardo|deixo) meus modelos (em outro lugar|na minha pasta pessoal|em um "
                    "disco externo), como (adiciono|uso)?"
                ),
            ),
        },
        say={
            "en": (
                (
                    "Start with `batuta up --models-dir ~/models`; the option may be given several times. "
                    "The variable `BATUTA_MODELS_DIR` or the setting `models_dirs` does the same."
                ),
            ),
            "pt": (
                (
                    "Inicie com `batuta up --models-dir ~/models`; a opção pode ser dada várias vezes. A "
                    "variável `BATUTA_MODELS_DIR` ou a opção `models_dirs` faz o mesmo."
                ),
            ),
        },
        facts={"en": ("--models-dir",), "pt": ("--models-dir",)},
    ),
    Topic(
        id="pull",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) download (a|another|a new) model(|?)",
                "(Download|Pull|Fetch)(| a| the) model(|s)",
                "(Pull|Batuta pull|Download)(|?| how| model)",
                (
                    "(Can I|Could I|Is there a way to) download (models|a model) (with Batuta|from "
                    "Hugging Face|from here)"
                ),
                "(I want to|I need to|I'd like to|Help me) (download|fetch|pull) (a|a new|another) model",
                "(What|Which) command downloads (a model|models|from Hugging Face)(|?)",
                "(Get|Fetch|Pull|Download) a model from (Hugging Face|the internet|a hub)",
                (
                    "(The download|My download|Downloading) (stopped|was cut off|was interrupted)(|, "
                    "can it resume|, what now)(|?)"
                ),
                "(Show me|Tell me|Explain|Please explain) how to (download|pull) (a|some) model",
                "(Does|Will) Batuta download (models|something) (by itself|automatically|for me)(|?)",
            ),
            "pt": (
                "(Como|Como faço para|Como posso|Como é que dá para) baixar (um|outro|um novo) modelo(|?)",
                "(Baixar|Puxar|Download de)(| um| o) modelo",
                "(Pull|Batuta pull|Baixar)(|?| como| modelo)",
                "(Dá para|Tem como) baixar (modelos|um modelo) (com o Batuta|do Hugging Face|por aqui)(|?)",
                ("(Quero|Preciso|Gostaria de|Queria) (baixar|puxar|fazer download de) (um|um novo|outro) modelo"),
                "(Qual|Que) comando baixa (um modelo|modelos|do Hugging Face)(|?)",
                "(Pegar|Puxar|Baixar|Trazer) um modelo (do Hugging Face|da internet|de um repositório)",
                (
                    "(O download|Meu download|A transferência) (parou|foi cortado|foi "
                    "interrompido)(|, dá para retomar|, e agora)(|?)"
                ),
                "(Me mostra|Me diga|Explica|Me explica) como (baixo|puxo) (um|algum) modelo",
                "O Batuta (baixa|vai baixar) (modelos|algo) (sozinho|automaticamente|para mim)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "`batuta pull NAME` downloads a model, or `batuta pull hf:org/repo` one from a model "
                    "hub. It shows progress, resumes when cut off and checks the file; nothing is "
                    "downloaded without being asked for."
                ),
            ),
            "pt": (
                (
                    "`batuta pull NAME` baixa um modelo, ou `batuta pull hf:org/repo` um de um "
                    "repositório de modelos. Ele mostra o progresso, retoma se for cortado e confere o "
                    "arquivo; nada é baixado sem pedido."
                ),
            ),
        },
        facts={
            "en": (
                "`batuta pull",
                "resum|checks",
            ),
            "pt": (
                "`batuta pull",
                "retom|confere",
            ),
        },
    ),
    Topic(
        id="starter_pair",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) the (starter pair|starter models|starter model)(|?)",
                "(Starter|Starter pair|Starter models|No-starter)(| meaning| what)(|?)",
                (
                    "(How do I|How can I|How to) (switch off|remove|disable) the (starter|starter "
                    "pair|starter models)(|?)"
                ),
                ("(I want to|I need to|I'd like to|Help me) (turn off|get rid of|hide) the starter (pair|models)"),
                "What (is|are|does) (starter-brain|starter-coder|the starter pair)(| for)?",
                ("(Why are there|What are) (two|these two|the two) (small|tiny|little) models (|here|in the list)"),
                "(Which|What) models (ship|come|are bundled) with Batuta(|?| already)",
                ("(I don't want|I no longer need|Remove) (the starter|the small models|starter-brain)(| any more)"),
                "(Who|What) is (starter-coder|starter-brain)(|?| here)",
                "(Can I|Could I|Is there a way to) (run|start) Batuta without the (starter|small) models?",
            ),
            "pt": (
                (
                    "(O que é|Me explica|Me fala sobre|O que seria) (o par inicial|o par starter|os "
                    "modelos iniciais)(|?)"
                ),
                "(Starter|Par inicial|Modelos iniciais|No-starter)(| significado| o que)(|?)",
                (
                    "(Como|Como faço para) (desligar|remover|desativar) (o starter|o par inicial|os "
                    "modelos iniciais)(|?)"
                ),
                ("(Quero|Preciso|Gostaria de|Queria) (desligar|tirar|esconder) (o par inicial|os modelos iniciais)"),
                "(O que é|Para que serve) (o starter-brain|o starter-coder|o par inicial)(| aqui)?",
                ("(Por que há|O que são) (dois|esses dois|os dois) modelos (pequenos|minúsculos) (|aqui|na lista)(|?)"),
                "(Quais|Que) modelos (vêm|acompanham|são incluídos) (com o|no) Batuta(|?)",
                "(Não quero mais|Remove|Tira) (os modelos pequenos|o starter-brain|o starter)(| mais)",
                "(Quem|O que) é o (starter-coder|starter-brain)(|?| aqui)",
                ("(Dá para|É possível|Tem como|Posso) (rodar|iniciar) o Batuta sem os modelos (iniciais|pequenos)?"),
            ),
        },
        say={
            "en": (
                (
                    "The starter pair is two very small models that ship with Batuta: starter-brain talks "
                    "and starter-coder writes short code, until you have a real model. `batuta up "
                    "--no-starter` leaves them out."
                ),
            ),
            "pt": (
                (
                    "O par inicial são dois modelos muito pequenos que vêm com o Batuta: o starter-brain "
                    "conversa e o starter-coder escreve código curto, até você ter um modelo de verdade. "
                    "`batuta up --no-starter` os deixa de fora."
                ),
            ),
        },
        facts={
            "en": (
                "starter",
                "--no-starter",
            ),
            "pt": (
                "starter|inicial",
                "--no-starter",
            ),
        },
    ),
)
