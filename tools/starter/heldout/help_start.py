"""Held-out questions about what Batuta is, how it starts and stops, and its page. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "what_is_batuta": {
        "en": (
            "In one sentence, what am I looking at with this Batuta (thing|app)?",
            "A colleague mentioned Batuta. What's its purpose?",
            "So this software called Batuta, what's it about?",
            "Introduce (the Batuta application|Batuta) to a newcomer",
            "Batuta: definition and purpose, please",
        ),
        "pt": (
            "Em uma frase, o que é esse (tal de|) Batuta?",
            "Um colega falou do Batuta. Qual a finalidade dele?",
            "Esse software chamado Batuta é o quê?",
            "Apresenta (o aplicativo|) Batuta para um iniciante",
            "Batuta: definição e finalidade, por favor",
        ),
    },
    "name_meaning": {
        "en": (
            "How come they picked Batuta as the title?",
            "Is there a story behind the word batuta?",
            "Batuta, is that a (foreign|real) word? What does it stand for?",
            "Translate the product's name for me",
            "What's behind the (choice of the|) name Batuta?",
        ),
        "pt": (
            "Por que escolheram Batuta como título?",
            "Existe uma história por trás da palavra batuta?",
            "Batuta é uma palavra (real|mesmo)? O que representa?",
            "Qual o sentido do nome do produto?",
            "O que está por trás (da escolha|) do nome Batuta?",
        ),
    },
    "start": {
        "en": (
            "What's the first thing to enter in my terminal so Batuta comes alive?",
            "Batuta isn't started yet. What now?",
            "The (install|setup) is finished, how does one bring the gateway to life?",
            "Startup command for Batuta?",
            "I'd love to see Batuta go, what should be executed?",
        ),
        "pt": (
            "O que coloco no terminal para o Batuta ganhar vida?",
            "O Batuta ainda não foi iniciado. E agora?",
            "A instalação terminou, como se dá a partida no gateway?",
            "Comando de inicialização do Batuta?",
            "Queria ver o Batuta funcionando, o que devo executar?",
        ),
    },
    "stop": {
        "en": (
            "Time to bring Batuta to a halt, what's the command?",
            "Safely end the whole Batuta thing",
            "I don't want Batuta active any longer. How?",
            "Which command terminates both gateway and loader?",
            "Is Ctrl-C okay for ending Batuta?",
        ),
        "pt": (
            "Hora de interromper o Batuta, qual é o comando?",
            "Finalizar o Batuta inteiro com segurança",
            "Não quero mais o Batuta ativo. Como faz?",
            "Qual comando termina o gateway e o loader?",
            "Ctrl-C serve para terminar o Batuta?",
        ),
    },
    "status": {
        "en": (
            "Tell me if the gateway is alive at the moment",
            "Was the launch of Batuta successful, how to find out?",
            "A command that reports on gateway and loader?",
            "Batuta: up or down right now?",
            "How could I verify that everything is operating?",
        ),
        "pt": (
            "Quero descobrir se o gateway está vivo neste momento",
            "A partida do Batuta deu certo, como descubro?",
            "Existe um comando que informa sobre o gateway e o loader?",
            "Batuta: ligado ou desligado agora?",
            "Como eu confirmo que tudo está operando?",
        ),
    },
    "port": {
        "en": (
            "Where does Batuta listen by default?",
            "Something else occupies 22888, how can Batuta go elsewhere?",
            "Give me host and port of Batuta",
            "Can Batuta sit on 8000 instead?",
            "I need the number after the colon in Batuta's address",
        ),
        "pt": (
            "Onde o Batuta escuta por padrão?",
            "Outra coisa ocupa a 22888, como ponho o Batuta em outro lugar?",
            "Me passa o host e a porta do Batuta",
            "O Batuta pode ficar na 8000?",
            "Preciso do número depois dos dois pontos no endereço do Batuta",
        ),
    },
    "open_page": {
        "en": (
            "Can Firefox show me Batuta?",
            "I prefer clicking over typing commands. Is there a site for that?",
            "How do I get to Batuta's chat window?",
            "What do I enter in Chrome to reach Batuta's screen?",
            "The browser did not come up on its own; where do I point it?",
        ),
        "pt": (
            "O Firefox consegue mostrar o Batuta?",
            "Prefiro clicar a digitar comandos. Existe uma tela para isso?",
            "Como chego na janela de conversa do Batuta?",
            "O que digito no Chrome para chegar na tela do Batuta?",
            "O navegador não abriu sozinho; para onde aponto ele?",
        ),
    },
}
