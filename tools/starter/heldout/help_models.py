"""Held-out questions about listing, loading, unloading and pinning models. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "list_models": {
        "en": (
            "Print every model Batuta knows",
            "Overview of what I can talk to?",
            "Is there an inventory of my models?",
            "I'd like the complete catalog on screen",
            "Name the models known to this installation",
        ),
        "pt": (
            "Imprime todo modelo que o Batuta conhece",
            "Visão geral de com quem posso conversar?",
            "Existe um inventário dos meus modelos?",
            "Queria o catálogo completo na tela",
            "Diga os modelos conhecidos nesta instalação",
        ),
    },
    "load": {
        "en": (
            "I want llama ready before anyone asks it. Command?",
            "Make qwen resident right now",
            "My model sits on disk, let it enter memory",
            "Which instruction makes a model ready to answer?",
            "Do I have to bring models into RAM by hand?",
        ),
        "pt": (
            "Quero o llama pronto antes de alguém perguntar. Comando?",
            "Deixa o qwen residente agora mesmo",
            "Meu modelo está parado no disco, faz ele entrar na memória",
            "Que instrução deixa um modelo pronto para responder?",
            "Tenho que levar modelos para a RAM na mão?",
        ),
    },
    "unload": {
        "en": (
            "I need my VRAM back for a game, get the model out",
            "Kick gemma from RAM, how?",
            "The opposite of loading?",
            "A model is hogging memory, let it go please",
            "Clear what is resident on the card",
        ),
        "pt": (
            "Preciso da VRAM de volta para um jogo, tira o modelo",
            "Mandar o gemma embora da RAM, como?",
            "O contrário de carregar?",
            "Um modelo está ocupando a memória, solta ele por favor",
            "Limpar o que está residente na placa",
        ),
    },
    "pin": {
        "en": (
            "Qwen must remain resident no matter what. How do I force that?",
            "Protect a model from eviction",
            "I don't want my favourite to leave RAM, ever",
            "Lock the coder into VRAM",
            "Guarantee that one model stays put",
        ),
        "pt": (
            "O Qwen tem que continuar residente aconteça o que acontecer. Como forço isso?",
            "Proteger um modelo contra despejo",
            "Não quero que meu favorito saia da RAM, nunca",
            "Travar o coder na VRAM",
            "Garantir que um modelo permaneça onde está",
        ),
    },
    "what_is_pinned": {
        "en": (
            "One of my models carries the word pinned. Meaning?",
            "How does a pinned one differ from an ordinary one?",
            "Define pinned for me",
            "Consequences of a model being pinned?",
            "I saw a little pin next to a name, what's that about?",
        ),
        "pt": (
            "Um dos meus modelos traz a palavra fixado. Sentido?",
            "Em que um fixado difere de um comum?",
            "Define fixado para mim",
            "Consequências de um modelo estar fixado?",
            "Vi um pininho ao lado de um nome, do que se trata?",
        ),
    },
    "unpin": {
        "en": (
            "Let a formerly pinned model be evictable again",
            "Reverse batuta pin",
            "I no longer want that pin, away with it",
            "My pin was a mistake; cancel it",
            "Release a model from being pinned",
        ),
        "pt": (
            "Deixar um modelo que era fixado ser despejável de novo",
            "Reverter o batuta pin",
            "Não quero mais aquele pin, fora com ele",
            "Meu pin foi um engano; cancela",
            "Soltar um modelo da condição de fixado",
        ),
    },
    "ttl": {
        "en": (
            "Automatically release models nobody has used for ten minutes",
            "Where do I put the number of seconds a model survives unused?",
            "Is there an expiry for residency?",
            "Ollama has OLLAMA_KEEP_ALIVE; what do you have?",
            "For how many seconds will it linger after the last request?",
        ),
        "pt": (
            "Soltar automaticamente modelos que ninguém usou por dez minutos",
            "Onde ponho o número de segundos que um modelo sobrevive sem uso?",
            "Existe validade para a residência?",
            "O Ollama tem OLLAMA_KEEP_ALIVE; e vocês?",
            "Por quantos segundos ele permanece após o último pedido?",
        ),
    },
    "loaded_now": {
        "en": (
            "Who's occupying my RAM among the models?",
            "Currently resident models, please",
            "Is anything warm at present?",
            "Give me the memory footprint per model",
            "Like docker ps, but for models",
        ),
        "pt": (
            "Quem está ocupando minha RAM entre os modelos?",
            "Modelos residentes no momento, por favor",
            "Tem algo quente agora?",
            "Me dá o consumo de memória por modelo",
            "Tipo docker ps, só que para modelos",
        ),
    },
}
