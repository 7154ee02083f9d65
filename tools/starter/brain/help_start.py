"""What starter-brain knows about what Batuta is, how it starts and stops, and its page. Pure data."""

from __future__ import annotations

from tools.starter.kinds import Topic

TOPICS: tuple[Topic, ...] = (
    Topic(
        id="what_is_batuta",
        ask={
            "en": (
                "(What is|What's|Explain|Tell me about) Batuta(|?|, exactly?)",
                "What (is|exactly is) (Batuta|this program|this software|this tool)(|?)",
                "What does (Batuta|this program|this tool) (do|do for me|actually do)(|?)",
                "(Batuta|Batuta?|About batuta|What batuta)(| is| does)",
                "What is (Batuta|this) (good for|used for|for)(|?)",
                "Why (would I use|should I use|do I need) (Batuta|this|this program)?",
                "(Give me|I'd like) (an overview|a short description|a summary) of (Batuta|this project)",
                "(I'm new here|I just installed it|First time here), what is (Batuta|this)(|?)",
                (
                    "(Can you describe|Could you describe|Describe) (Batuta|this program|the product) "
                    "(|in a few words|briefly)"
                ),
                "What (problem|need) does (Batuta|this|this tool) solve(|?)",
            ),
            "pt": (
                "(O que é|Me explica|Me fala sobre|O que seria) o Batuta(|?|, exatamente?)",
                "O que é (o Batuta|este programa|este software|esta ferramenta)(|?)",
                "O que (o Batuta|este programa|essa ferramenta) (faz|faz por mim|faz de verdade)(|?)",
                "(Batuta|Batuta?|Sobre o batuta|O que batuta)(| é| faz)",
                "Para que (serve|é usado) (o Batuta|isso|este programa)(|?)",
                "Por que (eu usaria o|devo usar o|preciso do) Batuta(|?| aqui?)",
                "(Me dá|Quero) (uma visão geral|uma descrição curta|um resumo) (do Batuta|deste projeto)",
                "(Sou novo aqui|Acabei de instalar|Primeira vez aqui), o que é (o Batuta|isso)(|?)",
                (
                    "(Pode descrever|Descreva|Descreve) (o Batuta|este programa|o produto) (|em "
                    "poucas palavras|rapidamente)"
                ),
                "Que (problema|necessidade) (o Batuta|isso|essa ferramenta) resolve(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Batuta is one process in front of all your language models, local or remote. It "
                    "loads what is needed, swaps models within the memory there is, and goes to the next "
                    "model when one fails."
                ),
            ),
            "pt": (
                (
                    "O Batuta é um só processo à frente de todos os seus modelos de linguagem, locais ou "
                    "remotos. Ele carrega o que é preciso, troca modelos dentro da memória que há e passa "
                    "ao próximo modelo quando um falha."
                ),
            ),
        },
        facts={
            "en": (
                "one process in front",
                "models?",
            ),
            "pt": (
                "um só processo",
                "modelos?",
            ),
        },
    ),
    Topic(
        id="name_meaning",
        ask={
            "en": (
                'What does (the name|the word) (Batuta|"Batuta") mean(|?)',
                "Why is (it|this program|the project) (called|named) Batuta(|?)",
                "(Meaning|Origin) of (the name|the word) (Batuta|batuta)",
                "(Where does|From where does) the name (Batuta|batuta) come (from|from?)",
                "(What is|What's) (a|the meaning of) batuta (in English|as a word|in Portuguese)(|?)",
                "(Name|Batuta name|The name)(| meaning| origin|, why)",
                "(Who chose|Why) (the name|this name) (Batuta|for this program)?",
                "(What language is|Is) (the word batuta|the name batuta) (from|Portuguese)?",
                "(Explain|Tell me about|I wonder about) (the name|your name) (Batuta|of the program)",
                "(Funny|Strange|Nice) name, (why Batuta|what does Batuta mean)(|?)",
            ),
            "pt": (
                'O que (significa|quer dizer) (o nome|a palavra) (Batuta|"Batuta")(|?)',
                "Por que (ele|este programa|o projeto) se (chama|intitula) Batuta(|?)",
                "(Significado|Origem) (do nome|da palavra) (Batuta|batuta)",
                "De onde (vem|veio|surgiu) o nome (Batuta|batuta|do programa)?",
                ("(O que é|Qual o sentido de) (uma batuta|a palavra batuta) (em português|na música|afinal)(|?)"),
                "(Nome|Nome batuta|O nome)(| significado| origem|, por quê)",
                "(Quem escolheu|Por que) (o nome|esse nome) (Batuta|para este programa)?",
                "(A palavra|O nome) batuta (é de que língua|é portuguesa|vem do português)(|?)",
                "(Explica|Me fala sobre|Tenho curiosidade sobre) (o nome|seu nome) (Batuta|do programa)",
                "Nome (engraçado|estranho|legal), (por que Batuta|o que quer dizer Batuta)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "A batuta is the baton of a conductor, in Portuguese. Batuta the program conducts "
                    "your models as a conductor leads an orchestra."
                ),
            ),
            "pt": (
                (
                    "Batuta é a vareta com que o maestro rege a orquestra. O programa Batuta rege os seus "
                    "modelos da mesma forma."
                ),
            ),
        },
        facts={
            "en": (
                "baton",
                "conductor",
            ),
            "pt": (
                "maestro",
                "orquestra|vareta",
            ),
        },
    ),
    Topic(
        id="start",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) (start|run|launch) (Batuta|it|the server)(|?)",
                ("(I want to|I need to|I'd like to|Help me) (start|launch|turn on) (Batuta|the gateway|the server)"),
                "(Start|Starting|Launch|Run)(| batuta| the server)",
                "(Show me|Tell me|Explain|Please explain) how to (start|boot|launch) (Batuta|everything)",
                "(What|Which) command (starts|launches|runs|boots) (Batuta|everything|the server)(|?)",
                "(Get|Getting|Set) Batuta (up|running|up and running)",
                "I (installed|cloned|downloaded) it, how do I (run|start|launch) it (now|)?",
                "(What do I type|What must I type|Which command do I use) to (start|run) (Batuta|everything)?",
                "(First steps|Getting started|Quick start)(|: how does it start|, how do I run it)(|?)",
                "(Start|Turn on|Fire up) (the|your) (server|gateway|program)(| please)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como posso|Como é que dá para) (iniciar|rodar|ligar) (o "
                    "Batuta|isso|o servidor)"
                ),
                "(Quero|Preciso|Gostaria de|Queria) (iniciar|ligar|subir) (o Batuta|o gateway|o servidor)",
                "(Iniciar|Ligar|Subir|Rodar)(| o batuta| o servidor)",
                "(Me mostra|Me diga|Explica|Me explica) como (inicio|ligo|subo) (o Batuta|tudo)",
                "(Qual|Que) comando (inicia|liga|roda|sobe) (o Batuta|tudo|o servidor)(|?)",
                "(Colocar|Pôr|Botar) o Batuta (para rodar|no ar|em funcionamento)",
                "Eu (instalei|clonei|baixei), como (rodo|inicio|ligo) (agora|isso)?",
                "(O que eu digito|O que devo digitar|Que comando uso) para (iniciar|rodar) (o Batuta|tudo)?",
                "(Primeiros passos|Para começar|Começo rápido)(|: como inicia|, como eu rodo)(|?)",
                "(Inicia|Liga|Sobe) o (servidor|gateway|programa)(| por favor)",
            ),
        },
        say={
            "en": (
                (
                    "Run `batuta up`, or `make run` in a fresh clone. It starts the loader, the default "
                    "model and the gateway, and its last line names the address on which it is listening."
                ),
            ),
            "pt": (
                (
                    "Rode `batuta up`, ou `make run` em um clone novo. Ele inicia o loader, o modelo "
                    "padrão e o gateway, e a última linha diz em que endereço ele está escutando."
                ),
            ),
        },
        facts={
            "en": (
                "`batuta up`",
                "listening|gateway",
            ),
            "pt": (
                "`batuta up`",
                "escutando|gateway",
            ),
        },
    ),
    Topic(
        id="stop",
        ask={
            "en": (
                ("(How do I|How can I|How to|How would I) (stop|quit|shut down) (Batuta|everything|the server)(|?)"),
                ("(I want to|I need to|I'd like to|Help me) (stop|end|shut down) (Batuta|the gateway|the server)"),
                "(Stop|Shutdown|Quit|Exit)(| batuta| the server)",
                "(Show me|Tell me|Explain|Please explain) how to (stop|close|turn off) (Batuta|everything)",
                "(What|Which) command (stops|ends|shuts down|turns off) (Batuta|everything|the server)(|?)",
                "(Turn off|Switch off|Kill|Close) (Batuta|the server|the gateway)",
                "How (is|does) Batuta (stopped|shut down|terminated|ended) (|properly|cleanly)(|?)",
                "I'm (done|finished) (for today|for now), how do I (close|stop|turn off) (Batuta|it)?",
                "(What is|What's) the (right|clean|proper) way to (stop|end|exit) Batuta?",
                "(Batuta is still running|It keeps running|It is still on), how do I (stop|kill|end) it?",
            ),
            "pt": (
                "(Como|Como faço para|Como eu posso) (parar|encerrar|desligar) (o Batuta|tudo|o servidor)(|?)",
                "(Quero|Preciso|Gostaria de|Queria) (parar|encerrar|desligar) (o Batuta|o gateway|o servidor)",
                "(Parar|Desligar|Encerrar|Sair)(| o batuta| o servidor)",
                "(Me mostra|Me diga|Explica|Me explica) como (paro|fecho|desligo) (o Batuta|tudo)",
                "(Qual|Que) comando (para|encerra|desliga|fecha) (o Batuta|tudo|o servidor)(|?)",
                "(Desliga|Desligue|Mata|Fecha) (o Batuta|o servidor|o gateway)",
                "Como (se para|se encerra|é encerrado|se desliga) o Batuta (|direito|com segurança)(|?)",
                "(Terminei|Acabei) (por hoje|por agora), como (fecho|paro|desligo) (o Batuta|isso)?",
                "Qual (é|seria) o jeito (certo|limpo|correto) de (parar|encerrar|desligar) o Batuta?",
                ("(O Batuta ainda está rodando|Ele continua rodando|Ainda está ligado), como (paro|mato|encerro)?"),
            ),
        },
        say={
            "en": (
                (
                    "Run `batuta down`, or press Ctrl-C in the terminal of `batuta up`. It stops the "
                    "gateway after the requests it is answering, and then the loader."
                ),
            ),
            "pt": (
                (
                    "Rode `batuta down`, ou aperte Ctrl-C no terminal do `batuta up`. Ele para o gateway "
                    "depois das respostas em andamento e em seguida o loader."
                ),
            ),
        },
        facts={
            "en": (
                "`batuta down`",
                "loader",
                "stops|Ctrl-C",
            ),
            "pt": (
                "`batuta down`",
                "loader",
                "para|Ctrl-C",
            ),
        },
    ),
    Topic(
        id="status",
        ask={
            "en": (
                "(Is|How do I know if|How can I tell if|How do I check whether) Batuta (is |)running(|?)",
                "(Status|Batuta status|Show status|The status)(| please|?)",
                "(Is it|Is the server|Is the gateway) (running|up|on|alive)(|?)",
                "(How do I|How can I|How to|How would I) (check|see|get) the status (|of Batuta)(|?)",
                "(Did|Has) Batuta (start|started|come up)(| correctly| already)?",
                "(I want to|Help me|I must) (check|know) (if|whether) (Batuta|the gateway) (is up|is running)",
                "(What is|What's|How is) (Batuta|the gateway) (doing|'s status|status)(|?)",
                "(What|Which) command (tells|shows) (the state|the status|whether it runs)(|?)",
                "(I don't know whether|I'm not sure if|No idea if) Batuta is (running|on|up)",
                "(Check|See) (if|that) (the server|Batuta) (works|is working|is running)",
            ),
            "pt": (
                "(Como sei se|Como vejo se|Como verifico se|Será que) o Batuta está rodando(|?)",
                "(Status|Status do batuta|Mostra o status|O estado)(| por favor|?)",
                "(Ele|O servidor|O gateway) está (rodando|no ar|ligado|vivo)(|?)",
                ("(Como|Como faço para|Como posso|Como é que dá para) (ver|conferir|verificar) o status(| do Batuta)"),
                "O Batuta (iniciou|já iniciou|subiu|ligou)(| direito| certo)?",
                "(Quero|Preciso|Gostaria de|Queria) (ver|saber) se (o Batuta|o gateway) está (no ar|rodando)",
                "(Como está o|Como anda o|Qual o status do) (Batuta|gateway)(| agora)(|?)",
                "(Qual|Que) comando (diz|mostra) (o estado|o status|se está rodando)(|?)",
                "(Não sei se|Não tenho certeza se|Sei lá se) o Batuta está (rodando|ligado|no ar)",
                "(Conferir|Ver) se (o servidor|o Batuta) (funciona|está funcionando|está rodando)",
            ),
        },
        say={
            "en": (
                (
                    "Run `batuta status`: it tells how the gateway, the loader, the default model and the "
                    "memory are. It exits with code 3 when no gateway is running."
                ),
            ),
            "pt": (
                (
                    "Rode `batuta status`: ele diz como estão o gateway, o loader, o modelo padrão e a "
                    "memória. Ele sai com o código 3 quando nenhum gateway está rodando."
                ),
            ),
        },
        facts={
            "en": (
                "`batuta status`",
                "gateway",
            ),
            "pt": (
                "`batuta status`",
                "gateway",
            ),
        },
    ),
    Topic(
        id="port",
        ask={
            "en": (
                "(Which|What) port (does Batuta use|is it on|does it listen on|is used)(|?)",
                "(Port|Batuta port|Default port|Port number)(|?| please)",
                "(How do I|How can I|How to|How would I) change the (port|port number|listening port)(|?)",
                "(What is|What's) the (address|url) (of Batuta|of the gateway|of the server)?",
                "(On which|At which) (port|address) (does Batuta listen|is Batuta|is the server)?",
                (
                    "(I want to|I need to|I'd like to|Help me) (use another|change the|set a "
                    "different) port(| for Batuta)"
                ),
                "(The port|Port 22888|The default port) is (taken|in use|busy|already used)",
                (
                    "(Address already in use|Port already in use|Another program has the port)(|, "
                    "what now|, what can I do)(|?)"
                ),
                "(Can I|Could I|Is there a way to) (use|choose|run it on|pick) (another|a different) port?",
                "(Server|Gateway|Api) (address|url)(|?|, please)",
            ),
            "pt": (
                "(Qual|Que) porta (o Batuta usa|ele usa|ele escuta|é usada)(|?)",
                "(Porta|Porta do batuta|Porta padrão|Número da porta)(|?| por favor)",
                "(Como|Como faço para|Como posso|Como é que dá para) (mudar|trocar) a porta(| do Batuta)(|?)",
                "Qual (é|seria) (o endereço|a url) (do Batuta|do gateway|do servidor)?",
                "Em (que|qual) (porta|endereço) (o Batuta escuta|está o Batuta|fica o servidor)?",
                "(Quero|Preciso|Gostaria de|Queria) (usar outra|mudar a|definir uma) porta(| para o Batuta)",
                "A porta (|22888 |padrão )(está ocupada|já está em uso|está em uso|foi tomada)",
                "(Endereço já em uso|Porta já em uso|Outro programa usa a porta)(|, e agora|, o que faço)(|?)",
                ("(Dá para|É possível|Tem como|Posso) (usar|escolher|rodar em|definir) (outra|uma outra) porta?"),
                "(Endereço|Url) (do servidor|do gateway|da api)(|?|, por favor)",
            ),
        },
        say={
            "en": (
                (
                    "Batuta listens on `http://127.0.0.1:22888`. Another port is set with `batuta up "
                    "--port 8000`; with port 0 it picks a free one and prints it."
                ),
            ),
            "pt": (
                (
                    "O Batuta escuta em `http://127.0.0.1:22888`. Outra porta se escolhe com `batuta up "
                    "--port 8000`; com a porta 0 ele pega uma livre e a mostra."
                ),
            ),
        },
        facts={
            "en": (
                "22888",
                "--port",
            ),
            "pt": (
                "22888",
                "--port",
            ),
        },
    ),
    Topic(
        id="open_page",
        ask={
            "en": (
                "(How do I|How can I|How to|How would I) open the (page|web page|web interface|ui)(|?)",
                "(Open|Show) (the|your) (page|web ui|web page|interface)",
                "(Web ui|Web page|Web interface|The page)(|?| please)",
                "(Where is|Where do I find|Where are) the (page|web page|web interface|user interface)?",
                "Is there (a web page|a web interface|a gui|a graphical interface)(|?)",
                "(I want to|Help me|I must) (see|open|use) (the page|the web interface|a graphical interface)",
                (
                    "(Can I|Could I|Is there a way to) use (it|Batuta) (in the browser|with a "
                    "browser|without a terminal)"
                ),
                ("(The page|The web interface) (doesn't open|did not open|does not show up)(|, why|, what now)(|?)"),
                "(What|Which) (page|url|link) do I open in (my|the) browser(|?)",
                "(How do I|Where can I) chat in (the browser|my browser|a web page)(|?)",
            ),
            "pt": (
                (
                    "(Como|Como faço para|Como posso|Como é que dá para) abrir a (página|página "
                    "web|interface web|ui)(|?)"
                ),
                "(Abre|Mostra) a (página|ui web|página web|interface)",
                "(Ui web|Página web|Interface web|A página)(|?| por favor)",
                "(Onde fica|Onde está|Onde encontro|Onde vejo) a (página|página web|interface web|interface)?",
                "(Existe|Tem) (uma página web|uma interface web|uma gui|uma interface gráfica)(|?)",
                (
                    "(Quero|Preciso|Gostaria de|Queria) (ver|abrir|usar) (a página|a interface "
                    "web|uma interface gráfica)"
                ),
                ("(Dá para|É possível|Tem como|Posso) usar (isso|o Batuta) (no navegador|pelo navegador|sem terminal)"),
                "(A página|A interface web) (não abre|não abriu|não aparece)(|, por quê|, e agora)(|?)",
                "(Qual|Que) (página|url|link) (eu |)abro no (meu |)navegador(|?)",
                "(Como|Onde) (eu |)(converso|falo) (no navegador|pela página web|em uma página)(|?)",
            ),
        },
        say={
            "en": (
                (
                    "Open `http://127.0.0.1:22888` in a browser, or the address that `batuta up` prints. "
                    "The page has a chat, the list of models and the memory bar."
                ),
            ),
            "pt": (
                (
                    "Abra `http://127.0.0.1:22888` no navegador, ou o endereço que o `batuta up` mostra. "
                    "A página tem uma conversa, a lista de modelos e a barra de memória."
                ),
            ),
        },
        facts={
            "en": (
                "browser",
                "22888",
                "page",
            ),
            "pt": (
                "navegador",
                "22888",
                "página",
            ),
        },
    ),
)
