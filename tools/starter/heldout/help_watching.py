"""Held-out questions about watching what Batuta does. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "metrics": {
        "en": (
            "I'd like a Grafana board for the gateway; what's the source?",
            "Histogram of time to first token?",
            "Counters for our observability stack?",
            "Scrape target of Batuta?",
            "Numbers about usage for graphs",
        ),
        "pt": (
            "Queria um quadro no Grafana para o gateway; qual é a fonte?",
            "Histograma do tempo até o primeiro token?",
            "Contadores para nossa observabilidade?",
            "Alvo de scrape do Batuta?",
            "Números de uso para gráficos",
        ),
    },
    "health": {
        "en": (
            "My container needs a HEALTHCHECK line. Which URL?",
            "503 on /ready, is that bad?",
            "How can a script wait until everything's good to go?",
            "The meaning of degraded in JSON?",
            "Load balancer probing, which path?",
        ),
        "pt": (
            "Meu contêiner precisa de uma linha HEALTHCHECK. Qual URL?",
            "503 em /ready é ruim?",
            "Como um script espera até estar tudo pronto?",
            "O sentido de degraded no JSON?",
            "Sondagem do balanceador, qual caminho?",
        ),
    },
    "events": {
        "en": (
            "My dashboard should react at once to state changes. What do I subscribe to?",
            "SSE feed of model states?",
            "Push instead of polling?",
            "Hear about each state change from a script",
            "Model_state messages: where do they flow?",
        ),
        "pt": (
            "Meu painel deve reagir na hora a mudanças de estado. O que assino?",
            "Feed SSE dos estados dos modelos?",
            "Push em vez de polling?",
            "Um script quer ouvir cada mudança de estado",
            "Mensagens model_state: por onde elas correm?",
        ),
    },
    "story": {
        "en": (
            "Chronicle of everything one model went through?",
            "Timeline for gemma with causes",
            "I want to trace cause and effect for one model",
            "A biography of qwen, line by line?",
            "Audit trail of a single model's states",
        ),
        "pt": (
            "Crônica de tudo por que um modelo passou?",
            "Linha do tempo do gemma com as causas",
            "Quero rastrear causa e efeito de um modelo",
            "Uma biografia do qwen, linha por linha?",
            "Trilha de auditoria dos estados de um só modelo",
        ),
    },
    "plan": {
        "en": (
            "Before I start it: will gemma have enough room, and at whose expense?",
            "Simulate a load without doing it",
            "Dry-run of bringing qwen in?",
            "Forecast of time and space for a model",
            "Who must go if I bring in the coder? Just asking",
        ),
        "pt": (
            "Antes de iniciar: o gemma terá espaço, e à custa de quem?",
            "Simular um carregamento sem fazer",
            "Ensaio de trazer o qwen?",
            "Previsão de tempo e espaço para um modelo",
            "Quem tem que ir se eu trouxer o coder? Só perguntando",
        ),
    },
}
