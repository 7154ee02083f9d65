"""Held-out questions about waiting, crashes and finding causes. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "slow_load": {
        "en": (
            "Three minutes and my llama still isn't ready. Normal?",
            "Reading 13 GB from a hard disk, what duration should I expect?",
            "Where's the progress bar of a model coming up?",
            "The model gives up halfway as time runs out while reading",
            "It crawls when bringing a model up",
        ),
        "pt": (
            "Três minutos e meu llama ainda não está pronto. Normal?",
            "Lendo 13 GB de um disco rígido, que duração devo esperar?",
            "Onde está a barra de progresso de um modelo subindo?",
            "O modelo desiste no meio porque o tempo acaba durante a leitura",
            "Fica se arrastando ao subir um modelo",
        ),
    },
    "queue": {
        "en": (
            "Ten colleagues send prompts simultaneously. In which order are they served?",
            "My prompt is pending behind others; what's the maximum?",
            "Fairness between models under load, how is it assured?",
            "Do requests for a busy machine get rejected or lined up?",
            "Patience limits of a pending call, configurable?",
        ),
        "pt": (
            "Dez colegas mandam prompts ao mesmo tempo. Em que ordem são atendidos?",
            "Meu prompt está pendente atrás de outros; qual é o máximo?",
            "Justiça entre modelos sob carga, como é garantida?",
            "Pedidos a uma máquina ocupada são recusados ou enfileirados?",
            "Limites de paciência de uma chamada pendente, dá para configurar?",
        ),
    },
    "loader": {
        "en": (
            "In top I see several Python processes of Batuta. Their roles?",
            "Which part holds model weights in memory?",
            "Architecture: gateway on one side and what on the other?",
            "Define loader",
            "Isolation of models into children, whose job?",
        ),
        "pt": (
            "No top vejo vários processos Python do Batuta. Que papéis têm?",
            "Que parte segura os pesos dos modelos na memória?",
            "Arquitetura: gateway de um lado e o quê do outro?",
            "Define loader para mim",
            "Isolar modelos em filhos é trabalho de quem?",
        ),
    },
    "loader_crashed": {
        "en": (
            "Process that holds the weights got a segfault. Recovery?",
            "503 with code loader_down, what now?",
            "Does a supervisor bring the dead loader to life?",
            "Kill -9 hit my loader accidentally",
            "After five crashes of the loader nothing happens any more",
        ),
        "pt": (
            "O processo que segura os pesos deu segfault. Recuperação?",
            "503 com código loader_down, o que fazer?",
            "Um supervisor traz o loader morto de volta à vida?",
            "Um kill -9 acertou meu loader sem querer",
            "Depois de cinco quedas do loader nada mais acontece",
        ),
    },
    "gateway_restart": {
        "en": (
            "I only want to bounce the HTTP server, will weights have to be read anew?",
            "Reattaching to warm models after batuta serve stops, is that a thing?",
            "For how long do models outlive their gateway?",
            "Restarting serve: cold or warm models afterwards?",
            "Quick restart of the web part with qwen remaining in VRAM",
        ),
        "pt": (
            "Só quero reiniciar o servidor HTTP, os pesos serão lidos outra vez?",
            "Reconectar a modelos quentes depois que o batuta serve para, isso existe?",
            "Por quanto tempo os modelos vivem sem o gateway deles?",
            "Reiniciando o serve: modelos frios ou quentes depois?",
            "Reinício rápido da parte web com o qwen ainda na VRAM",
        ),
    },
    "doctor": {
        "en": (
            "Nothing behaves as it should. Any self-test?",
            "Is there a health check-up of the whole installation?",
            "I'm stuck, let Batuta inspect itself",
            "Which command reports bad files and dead servers?",
            "General problem finder?",
        ),
        "pt": (
            "Nada se comporta como deveria. Tem algum autoteste?",
            "Existe um check-up da instalação inteira?",
            "Estou travado, faz o Batuta se inspecionar",
            "Que comando relata arquivos ruins e servidores mortos?",
            "Localizador geral de problemas?",
        ),
    },
}
