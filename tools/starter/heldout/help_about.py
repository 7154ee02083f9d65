"""Held-out questions about the project Batuta. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "update": {
        "en": (
            "My copy is months old. Bring it up to date",
            "Moving from one release to the next, procedure?",
            "Changelog and newest code, how to obtain?",
            "Keep Batuta current",
            "Is there an auto-updater?",
        ),
        "pt": (
            "Minha cópia tem meses. Como deixo em dia?",
            "Passar de uma versão à próxima, qual o procedimento?",
            "Changelog e código mais novo, como obtenho?",
            "Manter o Batuta em dia",
            "Existe um atualizador automático?",
        ),
    },
    "uninstall": {
        "en": (
            "Wipe all traces of Batuta from this machine",
            "I'm leaving Batuta; clean-up steps?",
            "Erase the program including its data",
            "Which leftovers remain after deleting the clone?",
            "Full removal procedure?",
        ),
        "pt": (
            "Limpar todo rastro do Batuta desta máquina",
            "Estou deixando o Batuta; passos da limpeza?",
            "Eliminar o programa e os dados dele",
            "Que restos ficam depois de apagar o clone?",
            "Procedimento de remoção completa?",
        ),
    },
    "licence": {
        "en": (
            "Legal terms of this software?",
            "Our lawyer asks about the terms for business deployment",
            "Gratis or paid?",
            "Permission to fork and redistribute?",
            "GPL, MIT, something else?",
        ),
        "pt": (
            "Termos legais deste software?",
            "Nosso advogado pergunta os termos para uso em negócios",
            "De graça ou se paga?",
            "Permissão para bifurcar e redistribuir?",
            "GPL, MIT, outra coisa?",
        ),
    },
    "maker": {
        "en": (
            "Name the people or firm responsible for this software",
            "I'm a programmer who'd love to join in. Where do I read how?",
            "Is some corporation running this project?",
            "Whose product is this?",
            "By whom was it programmed?",
        ),
        "pt": (
            "Quem é a firma ou as pessoas responsáveis por este software?",
            "Sou programador e adoraria me juntar. Onde leio como?",
            "Alguma corporação toca este projeto?",
            "De quem é este produto?",
            "Por quem ele foi programado?",
        ),
    },
    "rivals": {
        "en": (
            "Isn't this just another Ollama?",
            "A friend swears by LiteLLM; convince me",
            "What sets Batuta apart from other runners?",
            "Pros over LM Studio, please",
            "Where does it stand among comparable tools?",
        ),
        "pt": (
            "Isso não é só mais um Ollama?",
            "Um amigo jura pelo LiteLLM; me convence",
            "O que distingue o Batuta de outros programas?",
            "Vantagens sobre o LM Studio, por favor",
            "Onde ele fica entre ferramentas comparáveis?",
        ),
    },
    "requirements": {
        "en": (
            "Minimum specs?",
            "Would 8 GB of RAM suffice to try this?",
            "Must Docker be installed beforehand?",
            "What software has to be present before make run?",
            "Is Python 3.10 too old?",
        ),
        "pt": (
            "Configuração mínima?",
            "8 GB de RAM são suficientes para experimentar?",
            "O Docker tem que estar instalado antes?",
            "Que software precisa existir antes do make run?",
            "Python 3.10 é velho demais?",
        ),
    },
    "windows_macos": {
        "en": (
            "My PC came with Microsoft's system; am I out of luck?",
            "Any hope for an M2 MacBook?",
            "Platform support?",
            "Ubuntu only, or others too?",
            "Would WSL or Win11 do?",
        ),
        "pt": (
            "Meu PC veio com o sistema da Microsoft; dei azar?",
            "Há esperança para um MacBook M2?",
            "Suporte a plataformas?",
            "Só Ubuntu, ou outros também?",
            "WSL ou Win11 serviriam?",
        ),
    },
    "report_bug": {
        "en": (
            "Something is clearly a defect in your software; to whom do I write?",
            "How are defects communicated to the developers?",
            "I've an idea for improvement, where does it belong?",
            "Found a vulnerability, now what?",
            "Which details go into a good ticket?",
        ),
        "pt": (
            "Tem claramente um defeito no software de vocês; para quem escrevo?",
            "Como se comunicam defeitos aos desenvolvedores?",
            "Tenho uma ideia de melhoria, onde ela cabe?",
            "Achei uma vulnerabilidade, e agora?",
            "Que detalhes entram em um bom chamado?",
        ),
    },
}
