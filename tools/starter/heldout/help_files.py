"""Held-out questions about the files, settings and looks of an installation. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "data_folder": {
        "en": (
            "I'd like to back up everything of Batuta, which directory is that?",
            "On my computer, where has Batuta written its stuff?",
            "The home partition is small; relocate what Batuta saves?",
            "What lives under ~/.local/share/batuta?",
            "Place of the sqlite file?",
        ),
        "pt": (
            "Quero fazer backup de tudo do Batuta, qual diretório é?",
            "No meu computador, onde o Batuta gravou as coisas dele?",
            "A partição home é pequena; dá para realocar o que o Batuta salva?",
            "O que fica em ~/.local/share/batuta?",
            "Lugar do arquivo sqlite?",
        ),
    },
    "logs": {
        "en": (
            "I need a trace of what the gateway printed yesterday",
            "Output of a model's child process, where does it go?",
            "Tail -f on which path?",
            "Is anything written down about internal errors?",
            "Llama.cpp's messages for one model?",
        ),
        "pt": (
            "Preciso do registro do que o gateway imprimiu ontem",
            "A saída do processo filho de um modelo vai para onde?",
            "Tail -f em qual caminho?",
            "Erros internos ficam anotados em algum lugar?",
            "As mensagens do llama.cpp para um modelo?",
        ),
    },
    "settings_file": {
        "en": (
            "Permanent options go into which file?",
            "TOML of Batuta: path?",
            "I'd like to persist my options instead of passing flags each time",
            "How's a setting written down for good?",
            "Location of preferences on disk?",
        ),
        "pt": (
            "Opções permanentes vão em qual arquivo?",
            "TOML do Batuta: caminho?",
            "Queria gravar minhas opções em vez de passar parâmetros toda vez",
            "Como se deixa uma opção anotada de vez?",
            "Local das preferências no disco?",
        ),
    },
    "env_vars": {
        "en": (
            "In my systemd unit I'd use Environment= lines; which names?",
            "Prefix of the variables Batuta reads?",
            "Export ...=... before starting: what can I export?",
            "How's a nested option spelled as a shell variable?",
            "Docker compose 'environment' section for Batuta?",
        ),
        "pt": (
            "Na minha unit do systemd usaria linhas Environment=; que nomes?",
            "Prefixo das variáveis que o Batuta lê?",
            "Export ...=... antes de iniciar: o que posso exportar?",
            "Como se escreve uma opção aninhada como variável do shell?",
            "Seção 'environment' do docker compose para o Batuta?",
        ),
    },
    "setting_origin": {
        "en": (
            "I put port = 9000 in the file yet it's something else. Who overrides it?",
            "Effective configuration with sources?",
            "Dump every option as it stands",
            "In case of conflict between flag and file?",
            "Track down the source of an odd value",
        ),
        "pt": (
            "Pus port = 9000 no arquivo e está outra coisa. Quem passa por cima?",
            "Configuração efetiva com as fontes?",
            "Despeja toda opção como está valendo",
            "Em caso de conflito entre parâmetro e arquivo?",
            "Rastrear a fonte de um valor esquisito",
        ),
    },
    "language": {
        "en": (
            "My mother reads no English; can she get the screen in pt-BR?",
            "Localisation of the interface?",
            "Texts appear in a tongue I don't prefer",
            "Make everybody see Brazilian by default",
            "Interface idiom: options?",
        ),
        "pt": (
            "Minha mãe não lê inglês; a tela pode aparecer em pt-BR?",
            "Localização da interface?",
            "Os textos aparecem em uma língua que não prefiro",
            "Fazer todos verem em brasileiro por padrão",
            "Quero a tela falando como eu falo",
        ),
    },
    "dark_theme": {
        "en": (
            "My eyes hurt at night with this white screen",
            "Black background, possible?",
            "Does the UI follow my desktop's colour scheme?",
            "Looks: any alternative colouring?",
            "I work at night, make it less glaring",
        ),
        "pt": (
            "Meus olhos doem à noite com esta tela branca",
            "Fundo preto, é possível?",
            "A interface segue o esquema de cores do meu desktop?",
            "Visual: tem outra coloração?",
            "Trabalho de madrugada, deixa menos ofuscante",
        ),
    },
    "several_installations": {
        "en": (
            "I'd like a sandbox Batuta separate from my real one",
            "Parallel gateways on one host, rules?",
            "Dev and prod on the same box, is it feasible?",
            "How are multiple copies told apart by commands?",
            "Another user on this PC also wants a Batuta",
        ),
        "pt": (
            "Queria um Batuta de testes separado do meu de verdade",
            "Gateways paralelos em um host, quais as regras?",
            "Dev e prod na mesma máquina, é viável?",
            "Como os comandos distinguem múltiplas cópias?",
            "Outro usuário deste PC também quer um Batuta",
        ),
    },
}
