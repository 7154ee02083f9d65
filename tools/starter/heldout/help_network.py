"""Held-out questions about the network, privacy and the processor or card. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "open_network": {
        "en": (
            "My laptop should query the Batuta of my workstation",
            "Serving a whole office from one box, what's to configure?",
            "TLS and remote callers: what's supported?",
            "It refuses to start with --host. Why?",
            "Let my tablet talk to it over wifi",
        ),
        "pt": (
            "Meu laptop deve consultar o Batuta da minha estação de trabalho",
            "Atender um escritório inteiro com uma máquina, o que configuro?",
            "TLS e chamadas remotas: o que é suportado?",
            "Ele se recusa a iniciar com --host. Por quê?",
            "Deixar meu tablet falar com ele pelo wifi",
        ),
    },
    "host_refused": {
        "en": (
            "Behind a reverse proxy named batuta.lan I'm turned away",
            "It works by IP but not by DNS name",
            "Browser console: blocked cross-origin call to the gateway",
            "Requests under a different domain get rejected",
            "Which list must include my server's DNS name?",
        ),
        "pt": (
            "Atrás de um proxy reverso chamado batuta.lan sou barrado",
            "Funciona por IP mas não por nome DNS",
            "Console do navegador: chamada de outra origem bloqueada pelo gateway",
            "Pedidos sob um domínio diferente são rejeitados",
            "Que lista deve incluir o nome DNS do meu servidor?",
        ),
    },
    "privacy": {
        "en": (
            "Is there any phoning home?",
            "I discuss confidential matters; do they stay here?",
            "Usage statistics collected by the developers?",
            "GDPR-wise, where do conversations end up?",
            "Does some company look over my shoulder?",
        ),
        "pt": (
            "Ele liga para casa de algum modo?",
            "Trato de assuntos confidenciais; eles ficam aqui?",
            "Os desenvolvedores coletam estatísticas de uso?",
            "Pensando na LGPD, onde as conversas vão parar?",
            "Alguma empresa olha por cima do meu ombro?",
        ),
    },
    "offline": {
        "en": (
            "I'm on a plane. Can we still chat?",
            "My cable got cut; is Batuta useless now?",
            "Suitable for an air-gapped lab?",
            "Which functions depend on being online?",
            "Is connectivity required at any time?",
        ),
        "pt": (
            "Estou em um avião. Ainda podemos conversar?",
            "Cortaram meu cabo; o Batuta fica inútil agora?",
            "Serve para um laboratório isolado da rede?",
            "Quais funções dependem de estar conectado?",
            "Conectividade é exigida em algum momento?",
        ),
    },
    "gpu": {
        "en": (
            "Is my RTX 4060 put to work or does everything run on the processor?",
            "How many layers are offloaded, and where's that set?",
            "ROCm, Vulkan, Metal: how does Batuta decide?",
            "Nvidia-smi shows nothing while it generates",
            "Offloading to the accelerator, how's it controlled?",
        ),
        "pt": (
            "Minha RTX 4060 trabalha ou tudo roda no processador?",
            "Quantas camadas são descarregadas na placa, e onde se define?",
            "ROCm, Vulkan, Metal: como o Batuta decide?",
            "O nvidia-smi não mostra nada enquanto ele gera",
            "Passar camadas para o acelerador, como se controla?",
        ),
    },
    "no_gpu": {
        "en": (
            "Only integrated graphics here. Any chance?",
            "An old ThinkPad lacking any accelerator, is that enough?",
            "What if no CUDA device exists?",
            "Is a video card mandatory?",
            "CPU inference, how many threads?",
        ),
        "pt": (
            "Só tenho vídeo integrado aqui. Tem chance?",
            "Um ThinkPad velho sem acelerador nenhum, é o bastante?",
            "E se não existe dispositivo CUDA?",
            "Placa de vídeo é obrigatória?",
            "Inferência na CPU, quantas threads?",
        ),
    },
}
