"""Held-out questions about models that fail and those that step in. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    "fallback": {
        "en": (
            "If qwen breaks, who replies in its place?",
            "Is there a plan B for a broken model?",
            "In what order are substitutes tried?",
            "The brain crashed yet I got an answer. How come?",
            "Define fallback",
        ),
        "pt": (
            "Se o qwen quebrar, quem responde no lugar dele?",
            "Existe um plano B para um modelo quebrado?",
            "Em que ordem os substitutos são tentados?",
            "O brain caiu mas recebi resposta. Como assim?",
            "Define fallback para mim",
        ),
    },
    "who_answered": {
        "en": (
            "I used auto. Afterwards, how can I learn whose words these were?",
            "Trace a reply back to its author model",
            "Do response headers reveal the author?",
            "Was it the big one or the small one that replied?",
            "How can my script log the responding model?",
        ),
        "pt": (
            "Usei auto. Depois, como fico sabendo de quem eram as palavras?",
            "Rastrear uma resposta até o modelo autor",
            "Os cabeçalhos da resposta revelam o autor?",
            "Foi o grande ou o pequeno que deu a resposta?",
            "Como meu script registra o modelo que deu a resposta?",
        ),
    },
    "forbid_fallback": {
        "en": (
            "My benchmark must fail rather than be answered by a substitute",
            "Be strict: precisely the model I named or an error",
            "Can substitutes be disallowed per request?",
            "I insist on one specific model with no replacement",
            "Opt out of alternative models",
        ),
        "pt": (
            "Meu benchmark deve falhar em vez de ser respondido por um substituto",
            "Seja estrito: exatamente o modelo que nomeei ou um erro",
            "Dá para não permitir substitutos em um pedido?",
            "Insisto em um modelo específico sem troca",
            "Recusar modelos alternativos",
        ),
    },
    "model_failed": {
        "en": (
            "State failed next to gemma. How do things go on?",
            "The red message says it'll retry later; when precisely?",
            "After an error, does Batuta give my model another chance by itself?",
            "Qwen broke during start; is it lost for good?",
            "Define cooldown of a model",
        ),
        "pt": (
            "Estado failed ao lado do gemma. Como segue a coisa?",
            "A mensagem vermelha diz que vai repetir mais tarde; quando exatamente?",
            "Depois de um erro, o Batuta dá outra chance ao meu modelo sozinho?",
            "O Qwen quebrou ao iniciar; está perdido de vez?",
            "Define o cooldown de um modelo",
        ),
    },
    "reset_failed": {
        "en": (
            "The disk is mounted again; don't make the model wait any longer",
            "Erase error history of all models",
            "Which call wipes the failure memory?",
            "I can't wait five minutes for the next attempt",
            "Purge failed states",
        ),
        "pt": (
            "O disco foi montado outra vez; não faz o modelo esperar mais",
            "Apagar o histórico de erros de todos os modelos",
            "Que chamada apaga a memória de falhas?",
            "Não posso esperar cinco minutos pela próxima tentativa",
            "Expurgar estados de falha",
        ),
    },
    "model_disabled": {
        "en": (
            "Error model_disabled: who turned it off and how's that undone?",
            "Five crashes and now it's off. Allow it again",
            "How many errors until a model is retired?",
            "I repaired the file, permit the model once more",
            "Greyed-out entry in my list, reactivate please",
        ),
        "pt": (
            "Erro model_disabled: quem desligou e como se desfaz?",
            "Cinco quedas e agora está fora. Permite de novo",
            "Quantos erros até um modelo ser aposentado?",
            "Consertei o arquivo, permite o modelo outra vez",
            "Item apagado na minha lista, reative por favor",
        ),
    },
}
