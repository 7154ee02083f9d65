"""Held-out ways to ask about starter-brain and to make small talk, none of them trained on. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tools.starter.kinds import Phrasings


def _ask(en: str, pt: str) -> Phrasings:
    return {"en": tuple(en.split(" / ")), "pt": tuple(pt.split(" / "))}


ASK: Mapping[str, Phrasings] = {
    "who_are_you": _ask(
        "I'd like to know who you are / might I ask your name? / do you have a name? / say who you are",
        "eu gostaria de saber quem é você / posso saber o seu nome? / você tem nome? / diga quem você é",
    ),
    "what_can_you_do": _ask(
        "which things are you able to do? / what should I use you for? / what are you here to do? / name your skills",
        (
            "que coisas você sabe fazer? / para que eu uso você? / o que você está aqui para fazer? / diga as suas "
            "habilidades"
        ),
    ),
    "what_can_you_not_do": _ask(
        "what is impossible for you? / which tasks are too hard for you? / what lies outside your abilities? / "
        "name something you cannot do",
        "o que é impossível para você? / que tarefas são difíceis demais para você? / o que está fora do seu alcance? "
        "/ diga algo que você não consegue fazer",
    ),
    "are_you_another": _ask(
        "you're Claude, yes or no? / did OpenAI create you? / I think you are really Llama / are you secretly GPT-4?",
        (
            "você é o Claude, sim ou não? / foi a OpenAI que criou você? / acho que você é o Llama / no fundo você é o "
            "GPT-4?"
        ),
    ),
    "how_big_are_you": _ask(
        (
            "count your parameters / what's your weight in parameters? / how large is your brain? / are you "
            "bigger than 1B?"
        ),
        "conte os seus parâmetros / você é de quantos parâmetros? / que tamanho tem o seu cérebro? / você passa de 1B?",
    ),
    "who_trained_you": _ask(
        (
            "who are the people who made you? / name your creator / whose model are you? / from what text were you "
            "trained?"
        ),
        (
            "quem são as pessoas que fizeram você? / diga quem é o seu criador / você é modelo de quem? / em que "
            "textos você treinou?"
        ),
    ),
    "are_you_human": _ask(
        "you're a real human, aren't you? / is a human writing these answers? / are you a living being? / "
        "do you experience emotions?",
        (
            "você é gente de verdade, né? / é um humano que escreve essas respostas? / você é um ser vivo? / você "
            "sente emoções?"
        ),
    ),
    "how_old_are_you": _ask(
        "may I ask your age? / since when do you exist? / how many years old are you? / what year did they train you?",
        (
            "posso perguntar a sua idade? / desde quando você existe? / você tem quantos anos? / em que ano treinaram "
            "você?"
        ),
    ),
    "do_you_learn": _ask(
        "does chatting make you smarter? / will this talk change you? / are you trained on my chats? / "
        "do you learn anything when I correct you?",
        "conversar deixa você mais esperto? / esta conversa muda você? / treinam você com as minhas conversas? / "
        "você aprende algo quando eu te corrijo?",
    ),
    "do_you_have_internet": _ask(
        "is there an internet connection on your side? / can you go online? / could you look that up on the web? / "
        "are you offline?",
        (
            "existe conexão com a internet aí? / você consegue entrar na internet? / dá para você procurar na "
            "web? / você é offline?"
        ),
    ),
    "can_you_see_pictures": _ask(
        "if I paste a photo, can you see it? / are images okay as input? / could you look at my screenshot? / "
        "can you make me an image?",
        "se eu colar uma foto, você vê? / aceita imagens como entrada? / pode olhar a minha captura de tela? / "
        "dá para fazer uma imagem?",
    ),
    "can_you_write_code": _ask(
        (
            "are you a programmer? / would you write me a Python program? / could you do some coding? / is coding "
            "something you do?"
        ),
        "você é programador? / escreveria um programa em Python para mim? / dá para você programar algo? / "
        "você faz código?",
    ),
    "which_languages": _ask(
        "name the languages you speak / is Spanish a language you know? / do you only know English? / "
        "what tongues are you fluent in?",
        "diga as línguas que você fala / espanhol é uma língua que você sabe? / você só sabe português? / "
        "em que idiomas você é fluente?",
    ),
    "are_you_any_good": _ask(
        "would you call yourself intelligent? / is it safe to trust your answers? / do you often get things wrong? / "
        "rate your own quality",
        "você se acha inteligente? / é seguro confiar no que você diz? / você erra com frequência? / "
        "dê uma nota para a sua qualidade",
    ),
    "can_you_plan": _ask(
        (
            "is planning something you do? / would you make me a plan? / do you plan work in steps? / are plans your "
            "thing?"
        ),
        "planejar é algo que você faz? / você faria um plano para mim? / você planeja trabalho em passos? / "
        "planos são com você?",
    ),
    "hello": _ask(
        "hello again / well hello there / hi once more / a big hello",
        "oi de novo / olá mais uma vez / opa, oi / um grande olá",
    ),
    "good_morning": _ask(
        "a wonderful good morning / good morning again / and a good morning to you / good morning from Brazil",
        "um maravilhoso bom dia / bom dia de novo / e um bom dia para você / bom dia aqui de Recife",
    ),
    "good_afternoon": _ask(
        "a wonderful good afternoon / good afternoon again / and a good afternoon to you / good afternoon from Brazil",
        "uma maravilhosa boa tarde / boa tarde de novo / e uma boa tarde para você / boa tarde aqui de Recife",
    ),
    "good_evening": _ask(
        "a wonderful good evening / good evening again / and a good night to you / good night from Brazil",
        "uma maravilhosa boa noite / boa noite de novo / e uma boa noite para você / boa noite aqui de Recife",
    ),
    "how_are_you": _ask(
        "how are you this morning? / how's life? / so, how are you then? / are you doing all right?",
        "como você está nesta manhã? / como vai a vida? / então, como você está? / vai tudo bem?",
    ),
    "thanks": _ask(
        "big thanks / thank you kindly / thanks, that was it / I thank you",
        "obrigado mesmo / obrigado de coração / valeu, era isso / eu te agradeço",
    ),
    "youre_welcome": _ask(
        "you're welcome, friend / no problem at all / it was no trouble / you are always welcome",
        "de nada, amigo / sem problema nenhum / não foi trabalho nenhum / de nada, sempre que precisar",
    ),
    "bye": _ask(
        "bye everyone / goodbye and thanks / I'll leave now, bye / time for me to go",
        "tchau, pessoal / tchau e obrigado / vou embora, tchau / hora de eu ir",
    ),
    "see_you": _ask(
        "see you on Friday / see you then / hope to see you again / I'll see you later",
        "até sexta / até então / espero te ver de novo / até mais tarde",
    ),
    "sorry": _ask(
        "I am so sorry for that / sorry, my fault / please accept my apologies / sorry again",
        "me desculpe por isso tudo / desculpa, culpa minha / aceite as minhas desculpas / desculpa de novo",
    ),
    "congratulations": _ask(
        "I turn thirty today / my exam went well, I passed / we won the game / my birthday is today",
        "faço trinta anos hoje / fui bem na prova, passei / ganhamos o jogo / meu aniversário é hoje",
    ),
    "nice_to_meet_you": _ask(
        "so nice to meet you / happy to meet you / what a pleasure to meet you / very nice to meet you",
        "muito prazer em te conhecer / feliz em te conhecer / que prazer conhecer você / um grande prazer",
    ),
    "my_name_is": _ask(
        "well, my name is {name} / by the way, I'm {name} / good day, I am {name} / everybody calls me {name}",
        "bem, meu nome é {name} / a propósito, eu sou {name} / bom, eu me chamo {name} / todo mundo me chama de {name}",
    ),
    "bored": _ask(
        "what a boring day / I'm terribly bored / boredom again / I am bored to death",
        "que dia chato / estou entediado demais / de novo esse tédio / estou morto de tédio",
    ),
    "joke": _ask(
        "let's hear a joke / got a joke? / I could use a joke / would you tell a joke",
        "vamos ouvir uma piada / tem piada aí? / uma piada cairia bem / você contaria uma piada",
    ),
    "compliment": _ask(
        "you are really good / I think you are great / what a great little model / you did that well",
        "você é muito bom / acho você ótimo / que modelinho legal / você fez isso muito bem",
    ),
    "insult": _ask(
        "you are so stupid / what an idiot you are / you really are useless / dumb answer, dumb bot",
        "você é muito burro / que idiota você é / você é mesmo inútil / resposta burra, robô burro",
    ),
    "sad": _ask(
        "I am feeling sad today / today was a terrible day / I feel so alone / my heart is broken",
        "estou me sentindo triste hoje / hoje foi um dia péssimo / me sinto só / meu coração está partido",
    ),
    "happy": _ask(
        "I am feeling happy today / today was a great day / I am so full of joy today / what a happy day",
        "estou me sentindo feliz hoje / hoje foi um ótimo dia / estou contente demais / que dia feliz",
    ),
    "tired": _ask(
        "I am feeling tired today / so tired / I'm dead tired / I could use some sleep",
        "estou me sentindo cansado hoje / tão cansado / estou morto de cansaço / eu queria dormir um pouco",
    ),
    "whats_up": _ask(
        "so what's up with you / what's new with you? / what is up today / anything going on?",
        "então, quais as novidades / o que há de novo com você? / o que manda hoje / alguma coisa acontecendo?",
    ),
    "laugh": _ask(
        "hahahahaha / haha good one / lol that was funny / hehehe",
        "kkkkkkkkkk / haha boa / kkk muito engraçado / hehehe",
    ),
    "love_you": _ask(
        "I really love you / do you love me back? / marry me / I think I love you",
        "eu te amo muito / você também me ama? / casa comigo / acho que te amo",
    ),
    "repeat": _ask(
        "now say {word} / I'd like you to say {word} / repeat this word: {word} / please just say {word} once",
        (
            "agora diga {word} / eu gostaria que você dissesse {word} / repita esta palavra: {word} / por favor diga "
            "{word} uma vez"
        ),
    ),
    "yes": _ask(
        "yes indeed / yes, exactly / yes, that one / yes, I agree",
        "sim, de fato / sim, exatamente / sim, esse mesmo / sim, concordo",
    ),
    "no": _ask(
        "no, not really / oh no / no, never ever / no, I disagree",
        "não, nem tanto / ah, não / não, jamais / não, discordo",
    ),
    "ok": _ask(
        "okay, let us see / fine by me / oh, I see / all right, got it",
        "está bem então / tá ok / ah, entendi / tudo bem, saquei",
    ),
    "help": _ask(
        "help me, please / I could use some help / would you help me? / I need a bit of help here",
        (
            "me ajuda com uma coisa, por favor / uma ajuda cairia bem / você me ajudaria? / preciso de um pouco "
            "de ajuda aqui"
        ),
    ),
    "test": _ask(
        "testing, testing / just a little test / this is only a test / ping ping",
        "testando, testando / só um testezinho / isto é apenas um teste / ping ping",
    ),
    "are_you_there": _ask(
        "hey, still there? / is anybody out there? / you there, model? / are you around today?",
        "ei, ainda está aí? / há alguém por aí? / cadê você? / você está por aí hoje?",
    ),
    "hurry": _ask(
        "hurry please / do it faster / I need this quickly / be quick about it",
        "depressa com isso, por favor / faz mais rápido / preciso disso rápido / anda depressa",
    ),
    "good_luck": _ask(
        "lots of luck / good luck with everything / the best of luck / good luck, little model",
        "muita sorte / boa sorte em tudo / toda a sorte do mundo / boa sorte, modelinho",
    ),
    "favourite_colour": _ask(
        (
            "which is your favourite colour? / your favourite color? / is blue your favourite colour? / got a "
            "favourite colour?"
        ),
        "que cor é a sua favorita? / sua cor preferida? / azul é a sua cor favorita? / tem alguma cor favorita?",
    ),
    "sing": _ask(
        "would you sing for me? / sing us a song / let me hear you sing / sing along",
        "você cantaria para mim? / canta uma canção / deixa eu te ouvir cantar / cante comigo",
    ),
    "weather": _ask(
        (
            "what will the weather be like tomorrow? / should I expect rain? / is the weather good where you are? "
            "/ any rain today?"
        ),
        "qual vai ser o tempo amanhã? / será que chove hoje? / o tempo está bom por aí? / alguma chuva hoje?",
    ),
    "what_time": _ask(
        "have you got the time? / may I know what time it is? / today's date, please / what is the day today?",
        "você tem as horas? / posso saber que horas são? / a data de hoje, por favor / hoje é dia quanto?",
    ),
    "what_should_i_ask": _ask(
        "what may one ask you? / what would be a good question? / any ideas what to ask? / give an example question",
        (
            "o que se pode perguntar a você? / qual seria uma boa pergunta? / alguma ideia do que perguntar? / dê um "
            "exemplo de pergunta"
        ),
    ),
    "other_language": _ask(
        "English for me, please / could you answer in English / I'd prefer English / use English with me",
        (
            "português para mim, por favor / você poderia responder em português / prefiro português / use "
            "português comigo"
        ),
    ),
}
"""Topic -> language -> templates."""
