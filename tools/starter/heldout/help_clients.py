"""Held-out questions about connecting clients and calling the API. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "connect_client": {
        "en": (
            "My editor asks for an OpenAI endpoint. What goes in?",
            "Point a third-party application at Batuta",
            "Make my own software talk to Batuta rather than to ChatGPT's servers",
            "An app wants an API host, an API key, and a model. Values?",
            "Hooking up existing OpenAI tools, how's that done?",
        ),
        "pt": (
            "Meu editor pede um endpoint da OpenAI. O que vai lá?",
            "Apontar um aplicativo de terceiros para o Batuta",
            "Fazer meu software falar com o Batuta em vez dos servidores do ChatGPT",
            "Um app quer host da API, chave e modelo. Que valores?",
            "Plugar ferramentas OpenAI que já existem, como se faz?",
        ),
    },
    "open_webui": {
        "en": (
            "I run Open WebUI; where in its admin panel does Batuta go?",
            "Steps for having Open WebUI as frontend",
            "Integration with Open WebUI?",
            "My family uses Open WebUI, may it sit on top of Batuta?",
            "Openwebui + batuta setup",
        ),
        "pt": (
            "Rodo o Open WebUI; onde no painel dele entra o Batuta?",
            "Passos para ter o Open WebUI como interface",
            "Integração com Open WebUI?",
            "Minha família usa Open WebUI, ele pode ficar em cima do Batuta?",
            "Instalação openwebui + batuta",
        ),
    },
    "python_sdk": {
        "en": (
            "Import openai, and what comes after that for Batuta?",
            "I'm a Python developer; give me the client line",
            "Pip install openai is done. Next?",
            "Constructor arguments for the OpenAI class with Batuta?",
            "Notebook code that reaches a model here",
        ),
        "pt": (
            "Import openai, e o que vem depois para o Batuta?",
            "Sou desenvolvedor Python; me dá a linha do cliente",
            "Pip install openai já foi. E depois?",
            "Argumentos do construtor da classe OpenAI com o Batuta?",
            "Código de notebook que alcança um modelo aqui",
        ),
    },
    "curl": {
        "en": (
            "What would a raw HTTP request from bash with curl look like?",
            "No SDK, just curl. Go!",
            "One-liner in the shell using curl to say hello to a model?",
            "Paste me something curl-based",
            "I'd rather test by curl first",
        ),
        "pt": (
            "Como seria um pedido HTTP cru no bash com curl?",
            "Sem SDK, só curl. Vai!",
            "Uma linha no shell com curl para dizer oi a um modelo?",
            "Cola aqui algo baseado em curl",
            "Prefiro testar por curl primeiro",
        ),
    },
    "endpoints": {
        "en": (
            "Table of all URLs the server answers to?",
            "Which paths start with /v1?",
            "As a developer I need every HTTP path",
            "Is there a machine-readable description of your API?",
            "What's reachable under /manage and beside it?",
        ),
        "pt": (
            "Tabela de todas as URLs que o servidor atende?",
            "Quais caminhos começam com /v1?",
            "Como desenvolvedor preciso de todo caminho HTTP",
            "Existe uma descrição da sua API legível por máquina?",
            "O que se alcança em /manage e ao lado?",
        ),
    },
    "embeddings": {
        "en": (
            "I'm building semantic search; how do I obtain vectors here?",
            "RAG needs an embedder: is that provided?",
            "Nomic-embed is on disk, how do I query it?",
            "Vector representation of a sentence via API?",
            "Can documents be embedded through this server?",
        ),
        "pt": (
            "Estou montando busca semântica; como obtenho vetores aqui?",
            "RAG precisa de um gerador de embedding: isso é oferecido?",
            "O nomic-embed está no disco, como consulto ele?",
            "Representação vetorial de uma frase pela API?",
            "Documentos podem virar embedding por este servidor?",
        ),
    },
    "streaming": {
        "en": (
            "I don't like waiting for the full reply; can words appear progressively?",
            "How do deltas reach my client?",
            "Server-sent events for chat completions?",
            "Typewriter effect in my app, feasible?",
            "Partial output while it's generating?",
        ),
        "pt": (
            "Não gosto de esperar a resposta inteira; as palavras podem aparecer progressivamente?",
            "Como os deltas chegam ao meu cliente?",
            "Server-sent events para chat completions?",
            "Efeito de máquina de escrever no meu app, é viável?",
            "Saída parcial enquanto ele gera?",
        ),
    },
    "key_needed": {
        "en": (
            'Is "not-needed" fine as the client\'s api_key?',
            "The SDK constructor refuses an empty api_key; what string do I pass?",
            "Must my scripts authenticate against Batuta?",
            "How would I lock local programs out unless they know a secret?",
            "Batuta replied unauthorized to my program",
        ),
        "pt": (
            '"not-needed" serve como api_key do cliente?',
            "O construtor do SDK recusa api_key vazia; que texto passo?",
            "Meus scripts precisam se autenticar no Batuta?",
            "Como barro programas locais que não sabem um segredo?",
            "O Batuta respondeu não autorizado ao meu programa",
        ),
    },
}
