"""Held-out questions about brain, executor, the commander and names that stand for a choice. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "brain_and_executor": {
        "en": (
            "Who thinks and who codes in Batuta?",
            "Brain, executor: I mix them up. Clarify?",
            "Define both roles for me",
            "In which role does a model plan, in which does it program?",
            "There are two job titles for models here, which?",
        ),
        "pt": (
            "Quem pensa e quem programa no Batuta?",
            "Brain, executor: eu confundo. Esclarece?",
            "Define os dois papéis para mim",
            "Em que papel um modelo planeja, em qual programa?",
            "Há dois cargos para modelos aqui, quais?",
        ),
    },
    "set_brain": {
        "en": (
            "Every chat should go to qwen unless I say otherwise. Configure?",
            "Assign the thinking role to gemma",
            "What decides the model that is loaded at startup?",
            "My standard model ought to be llama",
            "Where does one name the model that plans and talks?",
        ),
        "pt": (
            "Toda conversa deve ir para o qwen salvo se eu disser outra coisa. Configuro como?",
            "Atribuir o papel de pensar ao gemma",
            "O que decide o modelo carregado na partida?",
            "Meu modelo normal deveria ser o llama",
            "Onde se nomeia o modelo que planeja e conversa?",
        ),
    },
    "set_executor": {
        "en": (
            "Programming tasks should be handled by deepseek-coder. Configure?",
            "Assign the coding role to starcoder",
            "Where do I name the model that writes programs?",
            "I own a model that is great at Python, register it for that role",
            "Pick who is in charge of source code",
        ),
        "pt": (
            "Tarefas de programação devem ir para o deepseek-coder. Configuro como?",
            "Atribuir o papel de programar ao starcoder",
            "Onde nomeio o modelo que escreve programas?",
            "Tenho um modelo ótimo em Python, registra ele nesse papel",
            "Escolher quem cuida do código-fonte",
        ),
    },
    "auto": {
        "en": (
            'I see "Auto" at the top of the chat. Its function?',
            "Could Batuta decide for me who should reply?",
            'Send model="auto": what follows?',
            "I don't want to select one myself",
            "How is a model selected if I leave it to you?",
        ),
        "pt": (
            'Vejo "Auto" no topo da conversa. Qual a função?',
            "O Batuta poderia decidir por mim quem deve responder?",
            'Mandar model="auto": o que ocorre?',
            "Não quero eu mesmo selecionar um",
            "Como um modelo é selecionado se eu deixar com você?",
        ),
    },
    "model_names": {
        "en": (
            "How should a model be called in an API body?",
            "It complains that no model of that id exists. How are they spelled?",
            "What do slashes in model ids mean?",
            "Besides real ids, which words are accepted as model?",
            "Naming of models in requests?",
        ),
        "pt": (
            "Como um modelo deve ser chamado no corpo da API?",
            "Reclama que não existe modelo com esse id. Como se escrevem?",
            "O que as barras nos ids de modelo querem dizer?",
            "Além dos ids reais, que palavras são aceitas como model?",
            "Nomenclatura dos modelos nos pedidos?",
        ),
    },
    "commander": {
        "en": (
            "Who splits a big job into steps and has a program run?",
            "Is generated Python executed anywhere? By whom?",
            "Describe the teamwork of planner and coder",
            "Does Batuta have an agent for multi-step tasks?",
            "The sandboxed execution of steps, what's that feature called?",
        ),
        "pt": (
            "Quem divide um trabalho grande em passos e faz um programa rodar?",
            "O Python gerado é executado em algum lugar? Por quem?",
            "Descreve o trabalho em equipe de planejador e programador",
            "O Batuta tem um agente para tarefas de vários passos?",
            "A execução de passos na sandbox, como se chama esse recurso?",
        ),
    },
}
