"""What starter-brain knows about the project Batuta. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="update",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) (update|upgrade) (Batuta|it|to a new version)(|?)",
                "(Update|Upgrade) (Batuta|it|to a new version)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (updates|updating Batuta|a new version)(|?)",
                "(I don't know|I can't find out|No idea) how to (update|upgrade) (Batuta|it|to a new version)",
                ("(Can I|Could I|Is it possible to|Is there a way to) (update|upgrade) (Batuta|it|to a new version)?"),
                "(Updates|Updating Batuta|A new version)(|?| please| help)",
                "(Update|Upgrade|New version|Latest version)(|?| how)",
                "(Get|Install) the (newest|latest|new) (version|release)(|?)",
                "(Does|Will) (Batuta|it) update (itself|by itself|automatically)(|?)",
                "(Are|Is) my (data|models|settings) (lost|kept) (after|by) an (update|upgrade)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como eu posso) (atualizar|renovar) (o Batuta|para uma "
                    "versão nova|a versão)(|?)"
                ),
                "(Atualizar|Renovar) (o Batuta|para uma versão nova|a versão)(|, por favor| por favor)",
                (
                    "(O que é|Me explica|Me fala sobre|O que seria) (atualizações|atualizar o "
                    "Batuta|uma versão nova)(|?)"
                ),
                ("(Dá para|É possível|Tem como|Posso) (atualizar|renovar) (o Batuta|para uma versão nova|a versão)?"),
                "(Atualizações|Atualizar o Batuta|Uma versão nova)(|?| por favor| ajuda)",
                (
                    "(Qual o|Existe um) (jeito|comando) para (atualizar|renovar) (o Batuta|para uma "
                    "versão nova|a versão)?"
                ),
                "(Atualizar|Atualização|Nova versão|Última versão)(|?| como)",
                "(Obter|Instalar) a (nova|última) versão(|?| do Batuta)",
                "(O Batuta|Ele) se atualiza (sozinho|automaticamente|por conta própria)(|?)",
                "(Meus dados|Meus modelos) (se perdem|ficam) (depois de|com) uma atualização(|?)",
            ),
        },
        say={
            "en": (
                (
                    "In the clone, run `batuta down`, then `git pull` and `make run`, which installs what "
                    "changed. Your data folder and models stay; CHANGELOG.md tells what is new."
                ),
            ),
            "pt": (
                (
                    "No clone, rode `batuta down`, depois `git pull` e `make run`, que instala o que "
                    "mudou. A pasta de dados e os modelos ficam; CHANGELOG.md conta o que é novo."
                ),
            ),
        },
        facts={
            "en": (
                "git pull",
                "make run",
            ),
            "pt": (
                "git pull",
                "make run",
            ),
        },
    ),
    Topic(
        id="uninstall",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (uninstall|remove|delete) (Batuta|it|Batuta completely)(|?)"),
                "(Uninstall|Remove|Delete) (Batuta|it|Batuta completely)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (uninstalling|uninstallation|removing Batuta)(|?)",
                "(Can I|Could I|Is there a way to) (uninstall|remove|delete) (Batuta|it|Batuta completely)?",
                "(Uninstalling|Uninstallation|Removing Batuta)(|?| please| help)",
                ("(What's the|Is there a) (way|command) to (uninstall|remove|delete) (Batuta|it|Batuta completely)?"),
                "(Uninstall|Remove batuta|Delete batuta|Deinstall)(|?| how)",
                "(Get rid|Dispose) of Batuta (completely|entirely|again)(|?)",
                "(What|Which files) (must I delete|do I remove|are left) (to|when I) uninstall(|?)",
                ("I (don't want|no longer need|am done with) Batuta(|, how do I remove it|, remove it| any more)"),
            ),
            "pt": (
                ("(Como|Como faço para) (desinstalar|remover|apagar) (o Batuta|o Batuta por completo|tudo do Batuta)"),
                (
                    "(Desinstalar|Remover|Apagar) (o Batuta|o Batuta por completo|tudo do Batuta)(|, "
                    "por favor| por favor)"
                ),
                ("(O que é|Me explica|Me fala sobre|O que seria) (desinstalação|remover o Batuta|desinstalar)(|?)"),
                "(Desinstalação|Remover o Batuta|Desinstalar)(|?| por favor| ajuda)",
                "(Não entendo|Fico confuso com|Não entendi) (desinstalação|remover o Batuta|desinstalar)",
                ("(Quero|Preciso) (desinstalar|remover|apagar) (o Batuta|o Batuta por completo|tudo do Batuta)(|.)"),
                "(Desinstalar|Remover batuta|Apagar batuta|Excluir batuta)(|?| como)",
                "(Me livrar|Livrar o computador) do Batuta (por completo|de vez)(|?)",
                "(O que|Que arquivos) (apago|removo|devo apagar) para desinstalar(|?)",
                "Não (quero mais o|preciso mais do|uso mais o) Batuta(|, como removo|, remove)",
            ),
        },
        say={
            "en": (
                (
                    "Stop it with `batuta down`, then delete the clone with its `.venv`, and the data "
                    "folder that `batuta doctor` names. Copy models that you want to keep first."
                ),
            ),
            "pt": (
                (
                    "Pare com `batuta down`, depois apague o clone com o `.venv` e a pasta de dados que o "
                    "`batuta doctor` diz. Antes copie os modelos que quer guardar."
                ),
            ),
        },
        facts={
            "en": (
                "data folder",
                "delete",
            ),
            "pt": (
                "pasta de dados",
                "apague",
            ),
        },
    ),
    Topic(
        id="licence",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) (the licence|the license|Batuta's license)(|?)",
                "(The licence|The license|Batuta's license)(|?| please| help)",
                ("(I don't understand|I wonder about|I'm confused by) (the licence|the license|Batuta's license)"),
                "(A question|I have a question|Question) about (the licence|the license|Batuta's license)",
                "(Which|What) (licence|license) (has Batuta|does Batuta have|is it|applies)(|?)",
                "(License|Licence|Apache|Free software)(|?| please)",
                "(Is|Does) Batuta (free|cost anything|cost money|open source)(|?)",
                "(May|Can) I use (Batuta|it) (at work|commercially|in my company|in a product)(|?)",
                "(How much|What) does Batuta cost(|?| per month| for a company)(|...)",
                "(Am I allowed to|May I) (change|modify|share|sell) (Batuta|it)(|?)",
            ),
            "pt": (
                "(O que é|Me explica|Me fala sobre|O que seria) (a licença|a licença do Batuta|licença)(|?)",
                "(A licença|A licença do Batuta|Licença)(|?| por favor| ajuda)",
                "(Uma dúvida|Tenho uma dúvida|Pergunta) sobre (a licença|a licença do Batuta|licença)",
                "(Me conta|Explica) (mais|algo) sobre (a licença|a licença do Batuta|licença)",
                "(Qual|Que) licença (o Batuta tem|é|se aplica|ele usa)(|?)",
                "(Licença|License|Apache|Software livre)(|?| por favor)",
                "O Batuta é (grátis|gratuito|pago|de código aberto)(|?| mesmo)",
                "Posso usar o Batuta (no trabalho|comercialmente|na minha empresa|em um produto)(|?)",
                "(Quanto|O que) custa o Batuta(|?| por mês| para uma empresa)(|...)",
                "(Tenho permissão para|Posso) (mudar|modificar|compartilhar|vender) o Batuta(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Batuta is under the licence Apache-2.0: you may use, change and share it, also "
                    "commercially. The text is in LICENSE; models that you add have licences of their "
                    "own."
                ),
            ),
            "pt": (
                (
                    "O Batuta está sob a licença Apache-2.0: você pode usar, mudar e compartilhar, também "
                    "comercialmente. O texto está em LICENSE; modelos que você adiciona têm licenças "
                    "próprias."
                ),
            ),
        },
        facts={
            "en": (
                r"Apache-2\.0",
                "LICENSE|commercial",
            ),
            "pt": (
                r"Apache-2\.0",
                "LICENSE|comercial",
            ),
        },
    ),
    Topic(
        id="maker",
        ask={
            "en": (
                "(Who|Which company) (makes|made|develops|wrote|built) (Batuta|this program)(|?)",
                "(Who|What) is behind (Batuta|this program|this project)(|?)",
                "(Maker|Author|Authors|Developer|Creator)(|?| of batuta)",
                "(The author|The maker|The creator|The developer) of (Batuta|this program)(|?)",
                "(Is there|What is) (a company|the company|an organisation) behind (it|Batuta)(|?)",
                "(How do I|How can I|How to) (contribute|help with development|send a patch)(|?| to Batuta)",
                "(Who|Which people) (maintains|maintain|owns|own) Batuta(|?)",
                "(Where|From where) does Batuta (come from|originate)(| please)(|?)",
                "(Can|May) I (contribute|help|take part) in (the project|Batuta)(|?)",
                "(Tell me about|Who are) (the developers|the makers|the team)(| of Batuta)(|?)",
            ),
            "pt": (
                "(Quem|Que empresa) (faz|fez|desenvolve|escreveu|criou) (o Batuta|este programa)(|?)",
                "(Quem|O que) está por trás (do Batuta|deste programa|deste projeto)(|?)",
                "(Autor|Autores|Desenvolvedor|Criador|Quem fez)(|?| do batuta)",
                "(O autor|O criador|O desenvolvedor|Os autores) (do Batuta|deste programa)(|?)",
                "(Existe|Qual é) (uma empresa|a empresa|uma organização) por trás (dele|do Batuta)(|?)",
                ("(Como|Como faço para) (contribuir|ajudar no desenvolvimento|mandar um patch)(|?| para o Batuta)"),
                "(Quem|Que pessoas) (mantém o|é dona do|cuida do) Batuta(|?)",
                "De onde (vem|veio|surgiu) o Batuta(|?| como projeto| este programa)",
                "Posso (contribuir|ajudar|participar) (do projeto|com o Batuta|no projeto)(|?)",
                "(Me fala sobre|Quem são) (os desenvolvedores|os criadores|as pessoas) do Batuta(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Batuta is made by an open source project, under the licence Apache-2.0; everybody "
                    "may read and improve its code. CONTRIBUTING.md tells how."
                ),
            ),
            "pt": (
                (
                    "O Batuta é feito por um projeto de código aberto, sob a licença Apache-2.0; todos "
                    "podem ler e melhorar o código. CONTRIBUTING.md diz como."
                ),
            ),
        },
        facts={"en": ("open source project",), "pt": ("projeto de código aberto",)},
    ),
    Topic(
        id="rivals",
        ask={
            "en": (
                "(What is|What's) the difference (to|from|with) (Ollama|LM Studio|LiteLLM)(|?)",
                "(Batuta|You) (or|vs|versus|against) (Ollama|LM Studio|LiteLLM)(|?)",
                "Why (not|not just|Batuta and not) (use |)(Ollama|LM Studio|LiteLLM)(|?)",
                "(How is|Is) Batuta (different from|better than|like) (Ollama|LM Studio|LiteLLM)(|?)",
                "(Compare|Comparison of) Batuta (with|and|to) (Ollama|LM Studio|LiteLLM)(|?)",
                "(Alternatives|Rivals|Competitors|Comparison|Similar programs)(|?| to batuta)",
                "I (use|have) (Ollama|LM Studio|LiteLLM) (already|now), (why Batuta|what does Batuta add)?",
                "(Does|Will) Batuta replace (Ollama|LM Studio|LiteLLM|llama-swap)(|?)",
                "What (does Batuta have|can Batuta do) that (Ollama|LM Studio|LiteLLM) (cannot|has not)(|?)",
                "(What are|Which are) the (alternatives|rivals|competitors) (to|of) Batuta(|?)",
            ),
            "pt": (
                "Qual (é|seria) a diferença para (o Ollama|o LM Studio|o LiteLLM)(|?)",
                "(Batuta|Você) (ou|vs|versus|contra) (Ollama|LM Studio|LiteLLM)(|?)",
                "Por que não (|usar |simplesmente )(o Ollama|o LM Studio|o LiteLLM)(|?)",
                (
                    "(O Batuta é|Em que o Batuta é) (diferente d|melhor que |parecido com )(o "
                    "Ollama|o LM Studio|o LiteLLM)(|?)"
                ),
                "(Comparar o|Compara o|Comparação do) Batuta com (o Ollama|o LM Studio|o LiteLLM)(|?)",
                "(Alternativas|Concorrentes|Comparação|Programas parecidos)(|?| ao batuta)",
                "Já (uso|tenho) (o Ollama|o LM Studio|o LiteLLM), (por que o Batuta|o que o Batuta traz)?",
                "O Batuta substitui (o Ollama|o LM Studio|o LiteLLM|o llama-swap)(|?)",
                "O que o Batuta (tem|faz) que (o Ollama|o LM Studio|o LiteLLM) não (tem|faz)(|?)",
                "(Quais são|Quem são) (as alternativas ao|os concorrentes do|os rivais do) Batuta(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Ollama and LM Studio run models, and LiteLLM passes requests on to APIs. Batuta "
                    "stands in front of all of them, keeps one account of memory, swaps models and steps "
                    "to the next when one fails."
                ),
            ),
            "pt": (
                (
                    "Ollama e LM Studio rodam modelos, e o LiteLLM repassa pedidos a APIs. O Batuta fica "
                    "na frente de todos, mantém uma só conta de memória, troca modelos e passa ao próximo "
                    "quando um falha."
                ),
            ),
        },
        facts={
            "en": (
                "Ollama",
                "in front",
                "LiteLLM",
            ),
            "pt": (
                "Ollama",
                "na frente",
                "LiteLLM",
            ),
        },
    ),
    Topic(
        id="requirements",
        ask={
            "en": (
                ("(What is|What's|Explain|Tell me about) (system requirements|the requirements|hardware requirements)"),
                "(System requirements|The requirements|Hardware requirements)(|?| please| help)",
                (
                    "(Tell me|Explain) (more|something) about (system requirements|the "
                    "requirements|hardware requirements)"
                ),
                "(What about|How about|And) (system requirements|the requirements|hardware requirements)?",
                "(Requirements|System requirements|Prerequisites|Python version)(|?| please)",
                "What (do I need|is needed|is required) (to run|for|to install) Batuta(|?)",
                "(Which|What) Python (version |)(do I need|is needed|does it need)(|?)",
                "How much (ram|memory|disk space) (do I need|does Batuta need|is required)(|?)",
                "(Do I|Does Batuta) need (Docker|Node|a compiler|a big machine)(|?)",
                "(Is|Would) (my|this) (computer|machine|laptop) (enough|good enough|strong enough)(|?)",
            ),
            "pt": (
                ("(O que é|Explica|Me fala sobre) (requisitos do sistema|os requisitos|requisitos de hardware)(|?)"),
                "(Requisitos do sistema|Os requisitos|Requisitos de hardware)(|?| por favor| ajuda)",
                ("(Me conta|Explica) (mais|algo) sobre (requisitos do sistema|os requisitos|requisitos de hardware)"),
                "(E sobre|E aí,|E) (requisitos do sistema|os requisitos|requisitos de hardware)?",
                "(Requisitos|Requisitos do sistema|Pré-requisitos|Versão do python)(|?| por favor)",
                "O que (preciso|é preciso|é necessário) para (rodar|instalar|usar) o Batuta(|?)",
                "(Qual|Que) (versão do |)Python (preciso|é necessária|ele exige)(|?)",
                "Quanta (ram|memória) (preciso|o Batuta precisa|é necessária)(|?)",
                "(Preciso|O Batuta precisa) de (Docker|Node|um compilador|uma máquina grande)(|?)",
                "(Meu computador|Esta máquina|Meu laptop) (basta|é suficiente|aguenta)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "A machine with Python 3.11 or newer, with `venv`, and `make` is enough; no Node, "
                    "Docker or compiler. Memory depends on your models: a small one needs 1 to 4 GB."
                ),
            ),
            "pt": (
                (
                    "Basta uma máquina com Python 3.11 ou mais novo, com `venv`, e `make`; sem Node, "
                    "Docker ou compilador. A memória depende dos modelos: um pequeno precisa de 1 a 4 GB."
                ),
            ),
        },
        facts={
            "en": (
                r"Python 3\.11",
                "make",
            ),
            "pt": (
                r"Python 3\.11",
                "make",
            ),
        },
    ),
    Topic(
        id="windows_macos",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (run|install|use) (Batuta|it) on (Windows|macOS|a Mac)"),
                "(Run|Install|Use) (Batuta|it) on (Windows|macOS|a Mac)(|, please| please)",
                ("(What is|What's|Explain|Tell me about) (Windows|macOS|Windows and macOS|operating systems)(|?)"),
                ("(What's the|Is there a) (way|command) to (run|install|use) (Batuta|it) on (Windows|macOS|a Mac)?"),
                "(Windows|MacOS|Windows and macOS|Operating systems)(|?| please| help)",
                ("(How does one|How do you|How do people) (run|install|use) (Batuta|it) on (Windows|macOS|a Mac)"),
                "(Does|Will) (Batuta|it) (work|run) on (Windows|macOS|a Mac|Apple silicon)(|?)",
                "(Windows|Macos|Mac|Linux|Operating system)(|?| support)",
                "(Which|What) operating systems (are supported|work|does Batuta support)(|?)",
                "I have (Windows|a Mac|a MacBook|Windows 11)(|, does it work|, can I use Batuta)(|?)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (rodar|instalar|usar) o Batuta no (Windows|macOS|Mac)(|?)"),
                "(Rodar|Instalar|Usar) o Batuta no (Windows|macOS|Mac)(|, por favor| por favor)",
                (
                    "(O que é|Me explica|Me fala sobre|O que seria) (Windows|macOS|Windows e "
                    "macOS|sistemas operacionais)"
                ),
                ("(Qual o|Existe um) (jeito|comando) para (rodar|instalar|usar) o Batuta no (Windows|macOS|Mac)?"),
                (
                    "(Como se faz|Como a gente faz|Como fazem) para (rodar|instalar|usar) o Batuta no "
                    "(Windows|macOS|Mac)"
                ),
                "(Windows|MacOS|Windows e macOS|Sistemas operacionais)(|?| por favor| ajuda)",
                "(O Batuta|Isso|Ele) (funciona|roda) no (Windows|macOS|Mac|Apple silicon)(|?)",
                "(Windows|Macos|Mac|Linux|Sistema operacional)(|?| suporte)",
                "(Quais|Que) sistemas operacionais (são suportados|funcionam|o Batuta suporta)(|?)",
                "Tenho (Windows|um Mac|um MacBook|Windows 11)(|, funciona|, posso usar o Batuta)(|?)",
            ),
        },
        say={
            "en": ("Linux is what is tested. macOS and Windows are kept possible but have not been tried.",),
            "pt": ("O Linux é o que é testado. macOS e Windows são mantidos possíveis, mas não foram experimentados.",),
        },
        facts={
            "en": (
                "Linux",
                "Windows",
                "not been tried",
            ),
            "pt": (
                "Linux",
                "Windows",
                "não foram (testados|experimentados)",
            ),
        },
    ),
    Topic(
        id="report_bug",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) (report|file|send) (a bug|an issue|a bug report)(|?)",
                "(Report|File|Send) (a bug|an issue|a bug report)(|, please| please)",
                "(What is|What's|Explain|Tell me about) (bug reports|reporting a bug|the issue page)(|?)",
                "(What's the|Is there a) (way|command) to (report|file|send) (a bug|an issue|a bug report)?",
                "(How does one|How do you|How do people) (report|file|send) (a bug|an issue|a bug report)(|?)",
                "(Bug reports|Reporting a bug|The issue page)(|?| please| help)",
                "(Bug|Report bug|Issue|Bug report|Feature request)(|?| how)",
                (
                    "(I found|There is|I think I found) (a bug|an error in Batuta|a mistake)(|, where "
                    "do I report it|, whom do I tell)"
                ),
                "Where (do I|can I) (report|send) (bugs|a bug|problems|a security hole)(|?)",
                "(Ask for|Request|Suggest) a (feature|new feature|function|missing feature)(|?)",
            ),
            "pt": (
                ("(Como|Como faço para|Como eu posso) (relatar|abrir|mandar) (um bug|uma issue|um relato de erro)(|?)"),
                "(Relatar|Abrir|Mandar) (um bug|uma issue|um relato de erro)(|, por favor| por favor)",
                (
                    "(O que é|Me explica|Me fala sobre|O que seria) (relatos de bug|relatar um bug|a "
                    "página de issues)(|?)"
                ),
                "(Relatos de bug|Relatar um bug|A página de issues)(|?| por favor| ajuda)",
                ("(Quero|Preciso|Gostaria de|Queria) (relatar|abrir|mandar) (um bug|uma issue|um relato de erro)(|.)"),
                "(Informação|Detalhes|Ajuda) sobre (relatos de bug|relatar um bug|a página de issues)(|?)",
                "(Bug|Relatar bug|Issue|Relato de erro|Sugestão)(|?| como)",
                ("(Achei|Encontrei|Acho que há) (um bug|um erro no Batuta|um defeito)(|, onde relato|, a quem conto)"),
                "Onde (eu |posso )(relato|relatar|mandar|mando) (bugs|um bug|problemas)(|?)",
                "(Pedir|Sugerir) (uma função nova|um recurso|um recurso que falta|uma melhoria)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Report it on the project's issue page: say what you did, what happened and what you "
                    "expected, and add the output of `batuta doctor --json`. For a security hole follow "
                    "SECURITY.md instead."
                ),
            ),
            "pt": (
                (
                    "Relate na página de issues do projeto: diga o que fez, o que aconteceu e o que "
                    "esperava, e junte a saída de `batuta doctor --json`. Para uma falha de segurança "
                    "siga SECURITY.md."
                ),
            ),
        },
        facts={
            "en": (
                "issue page|issues",
                "`batuta doctor",
            ),
            "pt": (
                "página de issues|issues",
                "`batuta doctor",
            ),
        },
    ),
)
