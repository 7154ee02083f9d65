"""The small talk of short words, requests to the machine itself, and what it cannot see."""

from __future__ import annotations

from functools import partial

from tools.starter.brain.side import Side, topic

_talk = partial(topic, group="small_talk")

TOPICS = (
    _talk(
        "repeat",
        en=Side(
            ask=(
                "(please |)(repeat|say)(:| after me:| after me|) {word}",
                "(can you|could you|will you) (say|repeat) {word}( for me|)?",
                "(please |)say the word {word}",
                "(please |)repeat the word {word}",
                "(write|echo|print|type) the word {word}",
                "answer (only |just |)(with |)the word {word}",
                "just say {word}",
                "I want you to say {word}",
                "say {word}( please| for me| now|)",
            ),
            say=("{word}",),
            facts=("{word}",),
        ),
        pt=Side(
            ask=(
                "(por favor, |)(repita|diga)(:| depois de mim:| comigo:|) {word}",
                "(você pode|pode|você consegue) (dizer|repetir|falar) {word}( para mim|)?",
                "(por favor, |)(diga|fale) a palavra {word}",
                "(por favor, |)repita a palavra {word}",
                "(escreva|digite|mostre) a palavra {word}",
                "responda (só |apenas |)(com |)a palavra {word}",
                "(só |apenas )(diga|fale) {word}",
                "(eu |)quero que você diga {word}",
                "(diz|fala|fale) {word}( por favor| para mim| agora|)",
            ),
            say=("{word}",),
            facts=("{word}",),
        ),
    ),
    _talk(
        "yes",
        en=Side(
            ask=(
                "(yes|yeah|yep|yup|sure|of course|certainly|absolutely|right|correct|exactly)(!|.|)",
                "(yes|yeah|sure), (please|of course|why not|that is right|I do|I am)",
                "(that is|that's) (right|correct|true)",
                "I (agree|think so)",
                "(oh |)yes(,| yes|)",
                "(yes|yeah), I (know|think so|want that)",
                "(definitely|indeed|naturally|aye)",
                "you are right",
            ),
            say=("Good. Then tell me what you would like to know about Batuta.",),
            facts=("good", "batuta"),
        ),
        pt=Side(
            ask=(
                "(sim|claro|com certeza|certo|isso|exato|exatamente|aham|uhum|correto)(!|.|)",
                "(sim|claro), (por favor|com certeza|por que não|isso mesmo|eu quero)",
                "(isso está|está|tá) (certo|correto)",
                "(eu |)(concordo|acho que sim)",
                "(ah |)sim(,| sim|)",
                "sim, (eu sei|eu acho|quero isso)",
                "(definitivamente|de fato|naturalmente|pois é)",
                "você (tem razão|está certo)",
            ),
            say=("Certo. Então me diga o que você gostaria de saber sobre o Batuta.",),
            facts=("certo", "batuta"),
        ),
    ),
    _talk(
        "no",
        en=Side(
            ask=(
                "(no|nope|nah|never|not really|no way|certainly not)(!|.|)",
                "no(,|) (thanks|thank you|not now|I do not|I don't|never)",
                "I (don't think so|disagree|do not agree)",
                "(that is|that's) not (right|what I meant|it|true)",
                "(no|no no|oh no), (no|not that)",
                "I (don't|do not) want (that|to|anything)",
                "(rather not|better not|negative)",
                "not (today|now|yet)",
            ),
            say=("All right. If you need something about Batuta later, just ask.",),
            facts=("all right",),
        ),
        pt=Side(
            ask=(
                "(não|nunca|nem pensar|de jeito nenhum|negativo|nada disso|que nada)(!|.|)",
                "não(,|) (obrigado|obrigada|agora não|quero não|nunca)",
                "(eu |)(acho que não|discordo|não concordo)",
                "não (é isso|foi isso que eu quis dizer|está certo)",
                "(não|ah não|não não), (não|isso não)",
                "(eu |)não quero( isso| nada|)",
                "(melhor não|prefiro não|nem)",
                "(hoje não|agora não|ainda não)",
            ),
            say=("Tudo certo. Se precisar de algo sobre o Batuta depois, é só perguntar.",),
            facts=("tudo certo",),
        ),
    ),
    _talk(
        "ok",
        en=Side(
            ask=(
                "(ok|okay|k|kk|alright|all right|fine|cool|great|good|nice|perfect|wow)(!|.|)",
                "(ok|okay|well|alright), (good|fine|cool|then|got it|understood|I see)",
                "(I see|I understand|understood|got it|makes sense|noted)(.|!|)",
                "(sounds|looks) (good|fine|great)",
                "(that is|that's) (fine|okay|cool|interesting|good)",
                "(hm|hmm|aha|oh|ah|well|so|mhm)(...|.|)",
                "(let me see|let me think|one moment|wait)",
                "(as you say|if you say so|good to know)",
            ),
            say=("Fine. What next?",),
            facts=("fine",),
        ),
        pt=Side(
            ask=(
                "(ok|okay|tá|tá bom|está bem|beleza|legal|bom|ótimo|perfeito|blz|uau)(!|.|)",
                "(ok|bom|tá), (beleza|então|entendi|legal|tudo bem)",
                "(entendi|compreendi|saquei|faz sentido|anotado|entendido)(.|!|)",
                "(parece|soa) (bom|bem|ótimo)",
                "(isso é|que) (legal|interessante|bom)",
                "(hum|hmm|ah|ahã|bom|então|é)(...|.|)",
                "(deixa eu ver|deixa eu pensar|um momento|espera)",
                "(se você diz|como quiser|bom saber)",
            ),
            say=("Tudo bem. E agora?",),
            facts=("tudo bem",),
        ),
    ),
    _talk(
        "help",
        en=Side(
            ask=(
                "help(!| me| me!| please|)",
                "(can|could|will) you (please |)help me?",
                "I need (some |your |)help( please|)",
                "(please |)(help|assist) me( out|)",
                "I (have|have got) a (question|problem)",
                "(may|can) I ask (you |)(something|a question)?",
                "I (am|'m) (stuck|lost|confused)",
                "(where do I|how do I|where to) (start|begin)?",
                "I don't know what to do with this( program| thing|)",
            ),
            say=(
                (
                    "Gladly: ask me about Batuta, for example how to add a model, how to load it, or why an answer "
                    "takes long."
                ),
            ),
            facts=("batuta", "ask"),
        ),
        pt=Side(
            ask=(
                "(ajuda|socorro|me ajuda|me ajude)(!| por favor|)",
                "(você |)pode me (ajudar|dar uma mão|dar uma ajuda)?",
                "(eu |)(preciso|estou precisando) de (ajuda|uma ajuda|sua ajuda)",
                "(por favor, |)(me ajude|me auxilie)( aqui|)",
                "(eu |)tenho (uma pergunta|um problema|uma dúvida)",
                "(posso|eu posso) (te |)(perguntar uma coisa|fazer uma pergunta)?",
                "(estou|tô) (perdido|perdida|confuso|confusa|travado)",
                "(por onde|como) (eu |)começo?",
                "não sei o que fazer com (isso|este programa)",
            ),
            say=(
                (
                    "Com prazer: pergunte sobre o Batuta, por exemplo como adicionar um modelo, como carregá-lo, ou "
                    "por que uma resposta demora."
                ),
            ),
            facts=("batuta", "pergunte"),
        ),
    ),
    _talk(
        "test",
        en=Side(
            ask=(
                "(test|testing|ping|check)(!|.|)",
                "(this is|just) (a|another) (test|quick test)",
                "(test|testing) (test|one two three|1 2 3|123)",
                "(are you|is this) (working|running|on)?",
                "does (this|it|the chat) work?",
                "(I am|I'm) (just |)testing( you| this|)",
                "ping(?|) pong(?|)",
                "(check|mic check)(, |)(one|1) (two|2)",
                "test message",
            ),
            say=("Pong: the test works, I am here.",),
            facts=("pong",),
        ),
        pt=Side(
            ask=(
                "(teste|testando|ping|checando)(!|.|)",
                "(isto é|isso é|só) (um|mais um) (teste|teste rápido)",
                "(teste|testando) (teste|um dois três|1 2 3|123)",
                "(você está|isso está|está|tá) (funcionando|rodando|ligado)?",
                "(isso|isto|o chat) funciona?",
                "(estou|tô) (só |)testando( você| isso|)",
                "ping(?|), pong(?|)",
                "(som|alô som), (um|1) (dois|2)",
                "mensagem de teste",
            ),
            say=("Pong: o teste funciona, estou aqui.",),
            facts=("pong",),
        ),
    ),
    _talk(
        "are_you_there",
        en=Side(
            ask=(
                "(are you|you) (still |)(there|here|around|awake|listening)?",
                "(hello|hey)(,|) (are you|you) there?",
                "(is|) anybody (there|here|home)?",
                "(can|do) you (hear|read) me?",
                "(is someone|is anyone) (there|here|listening)?",
                "(hello|helloooo)? (anybody|anyone)?",
                "(did you|have you) (fall|fallen) asleep?",
                "why (don't you|do you not) (answer|reply|respond)?",
                "(answer|talk to) me(!|)",
            ),
            say=("Yes, I am here. What would you like to know?",),
            facts=("here",),
        ),
        pt=Side(
            ask=(
                "(você |)(ainda |)(está|tá) (aí|por aí|acordado|ouvindo)?",
                "(oi|ei|alô)(,|) (você |)(está|tá) aí?",
                "tem alguém (aí|aqui|em casa)?",
                "você (me ouve|me lê|está me ouvindo)?",
                "(há|existe) alguém (aí|ouvindo)?",
                "(alô|oiii)? alguém?",
                "você (dormiu|caiu no sono)?",
                "por que você não (responde|fala)?",
                "(me responda|me responde|fala comigo|responde)(!|)",
            ),
            say=("Sim, estou aqui. O que você gostaria de saber?",),
            facts=("aqui",),
        ),
    ),
    _talk(
        "hurry",
        en=Side(
            ask=(
                "(please |)(hurry|hurry up|be quick|be fast)(!|)",
                "(faster|quick|quickly)(!| please|)",
                "can you (hurry|be quicker|answer faster|go faster)( please|)?",
                "I (have no time|am in a hurry|don't have much time)",
                "(come on|go on|go ahead|let's go)(!|)",
                "(I am|I'm) (waiting|still waiting)( for an answer|)",
                "why are you so slow?",
                "(it is|it's|this is) urgent(!|)",
            ),
            say=("I hurry as fast as this machine allows. What do you need?",),
            facts=("fast",),
        ),
        pt=Side(
            ask=(
                "(por favor, |)(anda logo|se apresse|seja rápido|vai rápido)(!|)",
                "(mais rápido|rápido|depressa|rapidinho)(!| por favor|)",
                "(você |)pode (se apressar|ser mais rápido|responder mais rápido)( por favor|)?",
                "(estou sem tempo|estou com pressa|tô com pressa|não tenho tempo)",
                "(vamos|anda|vai|bora)(!|)",
                "(estou|tô) (esperando|ainda esperando)( uma resposta|)",
                "por que você é tão (lento|devagar)?",
                "(é|isso é) urgente(!|)",
            ),
            say=("Vou tão rápido quanto esta máquina permite. Do que você precisa?",),
            facts=("rápido",),
        ),
    ),
    _talk(
        "good_luck",
        en=Side(
            ask=(
                "good luck(!| to you|)",
                "(wish|I wish) (me|you) (good |)luck",
                "(fingers crossed|break a leg)(!|)",
                "(all the best|best wishes)( to you|)(!|)",
                "(have|I wish you) a (nice|good|great) (day|week|weekend)(!|)",
                "(have fun|enjoy your day)(!|)",
                "I have an exam (today|tomorrow), wish me luck",
                "(may the force be with you|good fortune)(!|)",
            ),
            say=("Thank you, and good luck to you too!",),
            facts=("good luck",),
        ),
        pt=Side(
            ask=(
                "boa sorte(!| para você|)",
                "me (deseje|deseja) (boa |)sorte",
                "(dedos cruzados|estou torcendo|tomara que dê certo)(!|)",
                "(tudo de bom|felicidades)( para você|)(!|)",
                "(tenha|te desejo) (um bom dia de trabalho|uma boa semana|um bom fim de semana)(!|)",
                "(divirta-se|aproveite o dia)(!|)",
                "tenho prova (hoje|amanhã), me deseje sorte",
                "(que a força esteja com você|sucesso)(!|)",
            ),
            say=("Obrigado, e boa sorte para você também!",),
            facts=("boa sorte",),
        ),
    ),
    _talk(
        "favourite_colour",
        en=Side(
            ask=(
                "(what's|what is) your (favourite|favorite) (colour|color)?",
                "(which|what) (colour|color) do you like( best| most|)?",
                "do you have a (favourite|favorite) (colour|color|number|food|song|animal)?",
                "(what's|what is) your (favourite|favorite) (food|number|animal|season|film|book|song|game)?",
                "do you like (blue|red|green|yellow|pink|cats|dogs|music)?",
                "(what|which) (food|music|animals|films) do you like?",
                "(tell me|name) your (favourite|favorite) (colour|color|thing)",
                "what do you like( most| to do|)?",
            ),
            say=("I have no favourites, being a program; but the colour of a loaded model is nice.",),
            facts=("no favourites",),
        ),
        pt=Side(
            ask=(
                "(qual é|qual) a sua cor (favorita|preferida)?",
                "de (que|qual) cor você gosta( mais|)?",
                "você tem (uma cor|um número|uma comida|uma música|um animal) (favorito|favorita|preferido|preferida)?",
                "(qual é|qual) (a sua comida|o seu número|o seu animal|o seu filme|o seu livro) (favorito|favorita)?",
                "você gosta de (azul|vermelho|verde|amarelo|rosa|gatos|cachorros|música)?",
                "de que (comida|música|animais|filmes) você gosta?",
                "(me diga|diga) a sua cor (favorita|preferida)",
                "do que você (gosta|gosta mais|gosta de fazer)?",
            ),
            say=("Não tenho preferências, pois sou um programa; mas a cor de um modelo carregado é bonita.",),
            facts=("não tenho preferências",),
        ),
    ),
    _talk(
        "sing",
        en=Side(
            ask=(
                "(please |)sing( me|) (a song|something|a lullaby|for me)",
                "can you (sing|dance|whistle|rap|play music)( for me|)?",
                "(please |)(dance|whistle|rap)( for me|)(!|)",
                "do you (sing|dance|play an instrument)?",
                "(play|put on) (some music|a song|music)",
                "sing(!|)",
                "I want (to hear you sing|a song from you|you to sing)",
                "la la la(!|)",
            ),
            say=("I cannot sing, I only write. But a batuta is a conductor's baton, so music is not far away.",),
            facts=("cannot sing",),
        ),
        pt=Side(
            ask=(
                "(por favor, |)(cante|canta) (uma música|algo|uma canção de ninar|para mim)",
                "você (sabe|consegue|pode) (cantar|dançar|assobiar|tocar música)( para mim|)?",
                "(por favor, |)(dance|dança|assobie)( para mim|)(!|)",
                "você (canta|dança|toca um instrumento)?",
                "(toque|toca|põe) (uma música|um som|música)( aí|)",
                "(cante|canta)(!|)",
                "(quero|queria) (te ouvir cantar|uma música sua|que você cante)",
                "lá lá lá(!|)",
            ),
            say=("Não sei cantar, só escrevo. Mas batuta é a varinha do maestro, então a música não está longe.",),
            facts=("não sei cantar",),
        ),
    ),
    _talk(
        "weather",
        en=Side(
            ask=(
                "(what's|what is|how is|how's) the weather( today| like| outside| there|)?",
                "(is it|will it) (raining|rain|snowing|snow|sunny|cold|hot|warm)( today| tomorrow| outside|)?",
                "(nice|bad|terrible|lovely) weather( today|), isn't it?",
                "do I need (an umbrella|a coat|a jacket)( today|)?",
                "what is the (temperature|forecast|weather forecast)( today| outside| for tomorrow|)?",
                "(it is|it's) (raining|snowing|so hot|so cold|sunny)( here| today|)",
                "tell me the weather( forecast| for today| please|)",
                "how (hot|cold|warm) is it( outside| today|)?",
                "weather( today| forecast|)",
            ),
            say=("I cannot see the weather: I have no window and no internet.",),
            facts=("cannot see the weather",),
        ),
        pt=Side(
            ask=(
                "como (está|tá|vai estar) o tempo( hoje| aí| lá fora| amanhã|)?",
                "(está|vai) (chovendo|chover|nevar|fazer sol|frio|quente|esfriar)( hoje| amanhã| lá fora|)?",
                "(tempo|dia) (bonito|feio|horrível|lindo)( hoje|), não é?",
                "(preciso|eu preciso) de (guarda-chuva|casaco|jaqueta)( hoje|)?",
                "qual é a (temperatura|previsão|previsão do tempo)( hoje| lá fora| para amanhã|)?",
                "(está|tá) (chovendo|nevando|muito quente|muito frio|fazendo sol)( aqui| hoje|)",
                "(me diga|diga) (a previsão do tempo|como está o tempo)( por favor|)",
                "(quão quente|quão frio|quantos graus) (está|faz)( lá fora| hoje|)?",
                "(previsão do tempo|clima de hoje|tempo hoje)",
            ),
            say=("Não consigo ver o tempo: não tenho janela nem internet.",),
            facts=("não consigo ver o tempo",),
        ),
    ),
    _talk(
        "what_time",
        en=Side(
            ask=(
                "what (time|day|date|year|month) is it( now| today|)?",
                "(what's|what is) the (time|date)( now| today|)?",
                "what day is (today|tomorrow)?",
                "(do you know|can you tell me) (the time|what time it is|the date|what day it is)?",
                "(what's|what is) today's date?",
                "(is it|is today) (Monday|Friday|Sunday|late|midnight|noon)( now|)?",
                "how late is it?",
                "(tell me|give me) the (time|date)( please|)",
                "which (year|month|day) (are we in|do we have)?",
            ),
            say=("I cannot know the time or the date: I have no clock. Look at your computer's.",),
            facts=("cannot know", "clock"),
        ),
        pt=Side(
            ask=(
                "que (horas são|dia é hoje|ano é|mês é|data é hoje)( agora|)?",
                "(qual é|qual) a (hora|data)( de hoje| agora| certa|)?",
                "que dia é (hoje|amanhã)?",
                "(você sabe|pode me dizer) (que horas são|a hora|a data|que dia é hoje)?",
                "hoje é que dia( da semana|)?",
                "(hoje é|é) (segunda|sexta|domingo|tarde|meia-noite|meio-dia)( já|)?",
                "em que (ano|mês|dia) (estamos|a gente está)?",
                "(me diga|me dá|me fala) (as horas|a hora|a data)( por favor|)",
                "tem horas(?|)",
            ),
            say=("Não tenho como saber a hora nem a data: não tenho relógio. Veja no seu computador.",),
            facts=("não tenho como saber", "relógio"),
        ),
    ),
    _talk(
        "what_should_i_ask",
        en=Side(
            ask=(
                "what (should|can|could|may) I ask( you|)?",
                "(give|show) me (an example|examples|some examples|example questions)",
                "what questions (can|do) you (answer|know|understand)?",
                "(suggest|propose) (a question|some questions|something to ask)",
                "what (can|shall|should) we talk about?",
                "(what|which) (topics|subjects|things) do you know( about|)?",
                "(tell me|say) something( interesting|)",
                "I (don't|do not) know what to ask( you|)",
            ),
            say=(
                (
                    "Ask, for example: how do I add a model? How do I pin one? What is the commander? Why does a load "
                    "fail?"
                ),
            ),
            facts=("how do i add a model",),
        ),
        pt=Side(
            ask=(
                "o que (eu |)(devo|posso|poderia) (te |)perguntar?",
                "(me dê|mostre|me mostra) (um exemplo|exemplos|alguns exemplos|perguntas de exemplo)",
                "(que|quais) perguntas você (responde|sabe responder|entende)?",
                "(sugira|proponha|sugere) (uma pergunta|algumas perguntas|algo para perguntar)",
                "sobre o que (podemos|vamos|a gente pode) (falar|conversar)?",
                "(que|quais) (assuntos|temas|coisas) você (conhece|sabe)?",
                "(me diga|diga|fale) (algo|alguma coisa)( interessante|)",
                "não sei o que (te |)perguntar",
            ),
            say=(
                (
                    "Pergunte, por exemplo: como adiciono um modelo? Como fixo um? O que é o comandante? Por que um "
                    "carregamento falha?"
                ),
            ),
            facts=("como adiciono um modelo",),
        ),
    ),
)
