"""Held-out questions about memory, its budget, eviction and swaps. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "why_evicted": {
        "en": (
            "I had gemma in RAM this morning and now I don't. What happened to it?",
            "Something pushed my coder model out. Reason?",
            "How come qwen isn't resident any longer?",
            "Explain the eviction that hit my model",
            "Nobody told it to leave, yet the model left",
        ),
        "pt": (
            "Eu tinha o gemma na RAM de manhã e agora não tenho. O que houve com ele?",
            "Alguma coisa empurrou meu modelo de código para fora. Motivo?",
            "Como assim o qwen deixou de estar residente?",
            "Explica o despejo que atingiu meu modelo",
            "Ninguém mandou, e mesmo assim o modelo se foi",
        ),
    },
    "what_is_eviction": {
        "en": (
            "Define the term eviction",
            "Will a running answer be cut when its model gets evicted?",
            "By what rule are victims chosen?",
            "The word evict confuses me",
            "When memory is full, how does Batuta pick who goes?",
        ),
        "pt": (
            "Define o termo despejo",
            "Uma resposta em andamento é cortada quando o modelo é despejado?",
            "Por que regra as vítimas são escolhidas?",
            "A palavra despejo me confunde",
            "Com a memória cheia, como o Batuta escolhe quem vai?",
        ),
    },
    "what_is_swap": {
        "en": (
            "The event log has swap entries; what are they?",
            "My two big models don't fit together. Will they alternate?",
            "Define swapping of models",
            "How do a 13 GB and a 9 GB model live on one 16 GB card?",
            "One goes out, one comes in: what is this called?",
        ),
        "pt": (
            "O log de eventos tem entradas de swap; o que são?",
            "Meus dois modelos grandes não cabem juntos. Eles alternam?",
            "Define a troca de modelos",
            "Como um modelo de 13 GB e outro de 9 GB convivem em uma placa de 16 GB?",
            "Um sai, outro entra: como se chama isso?",
        ),
    },
    "memory_budget": {
        "en": (
            "Explain the limit under which all models together must stay",
            "Budget: how is that figure computed?",
            "Why is some RAM left unused as a margin?",
            "Could models ever exceed what the device has?",
            "What determines the size of the memory bar?",
        ),
        "pt": (
            "Explica o limite sob o qual todos os modelos juntos devem ficar",
            "Orçamento: como se calcula esse número?",
            "Por que um pouco de RAM fica sem uso, como margem?",
            "Os modelos podem passar do que o dispositivo tem?",
            "O que determina o tamanho da barra de memória?",
        ),
    },
    "set_budget": {
        "en": (
            "My models may only have 10 gigabytes in total; configure that",
            "I'd like a ceiling of 6 GB of RAM on everything loaded",
            "Where to write that 12 GB is the maximum?",
            "Reserve memory for my game by making Batuta's share smaller",
            "Adjust how many gigabytes models are granted",
        ),
        "pt": (
            "Meus modelos só podem ter 10 gigabytes no total; configura isso",
            "Queria um teto de 6 GB de RAM para tudo que carrega",
            "Onde escrevo que 12 GB é o máximo?",
            "Reservar memória para meu jogo diminuindo a parte do Batuta",
            "Ajustar quantos gigabytes os modelos recebem",
        ),
    },
    "free_memory": {
        "en": (
            "Room remaining for another model, how to tell?",
            "Display gigabytes used versus total",
            "I'd like to monitor RAM consumption in Batuta",
            "What's the coloured bar at the bottom of the panel?",
            "Current occupancy of the device?",
        ),
        "pt": (
            "Espaço restante para mais um modelo, como descubro?",
            "Exibir gigabytes usados e totais",
            "Queria acompanhar o consumo de RAM no Batuta",
            "O que é a barra colorida no pé do painel?",
            "Ocupação atual do dispositivo?",
        ),
    },
    "does_not_fit": {
        "en": (
            "Llama 70B exceeds what this laptop offers. Options?",
            "I get no_fit as the answer, how do I solve that?",
            "FITS column reads never. What would help?",
            "The weights are larger than my RAM, any remedy?",
            "How could an oversized model be squeezed in?",
        ),
        "pt": (
            "O Llama 70B passa do que este laptop oferece. Opções?",
            "Recebo no_fit como resposta, como resolvo?",
            "A coluna FITS diz never. O que ajudaria?",
            "Os pesos são maiores que minha RAM, algum remédio?",
            "Como se espreme um modelo grande demais?",
        ),
    },
    "out_of_memory": {
        "en": (
            "Allocation failed on the GPU while loading",
            "CUDA says no memory is left, what's Batuta's reaction?",
            "Cause out_of_memory shows up in my error",
            "The process died since RAM was exhausted",
            "Memory exhausted during load, remedies?",
        ),
        "pt": (
            "A alocação falhou na GPU durante a carga",
            "O CUDA diz que não sobrou memória, qual a reação do Batuta?",
            "A causa out_of_memory aparece no meu erro",
            "O processo morreu porque a RAM se esgotou",
            "Memória esgotada durante a carga, remédios?",
        ),
    },
}
