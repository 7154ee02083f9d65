"""The words that fill the slots of training questions which starter-brain cannot answer. Pure.

Each list is one text with `; ` between its entries. Portuguese lists of nouns carry their article, and get sisters
with the contractions: `{place}` is "o Japão", `{of_place}` is "do Japão", `{in_place}` is "no Japão".
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

Words = tuple[str, ...]

_CONTRACTED = {
    "de": {"o": "do", "a": "da", "os": "dos", "as": "das"},
    "em": {"o": "no", "a": "na", "os": "nos", "as": "nas"},
}
_SYLLABLES = "bla zor quix fee gru ptk wom jal nif skr dup vax oog tri mub lek hoz yip raz kwo flim snee"


def words(text: str) -> Words:
    """Return the entries of a list, each once and in order."""
    return tuple(dict.fromkeys(" ".join(entry.split()) for entry in text.split(";")))


def contracted(preposition: str, entry: str) -> str:
    """Return `do Japão` for `de` and `o Japão`, and `de Portugal` for an entry without an article."""
    article, _, rest = entry.partition(" ")
    joined = _CONTRACTED[preposition].get(article)
    return f"{joined} {rest}" if joined and rest else f"{preposition} {entry}"


def with_others(lists: Mapping[str, Words]) -> dict[str, Words]:
    """Return the lists, each with a sister `other_x` in another order, for questions that name two."""
    return {**lists, **{f"other_{name}": entries[7:] + entries[:7] for name, entries in lists.items()}}


def portuguese(lists: Mapping[str, Words]) -> dict[str, Words]:
    """Return the lists with their contracted sisters, `of_place` and `in_place` among them."""
    others = with_others(lists)
    return {
        **others,
        **{
            f"of_{name}": tuple(contracted("de", entry) for entry in lists[name])
            for name in ("place", "subject", "thing")
        },
        "in_place": tuple(contracted("em", entry) for entry in lists["place"]),
    }


def gibberish(rng: Random, syllables: str, amount: int) -> Words:
    """Return so many different strings without a meaning."""
    parts, made = syllables.split(), dict[str, None]()
    while len(made) < amount:
        made[" ".join("".join(rng.choices(parts, k=rng.randint(1, 3))) for _ in range(rng.randint(1, 3)))] = None
    return tuple(made)


_PERSON = words(
    "Albert Einstein; Isaac Newton; Marie Curie; Charles Darwin; Galileo Galilei; Leonardo da Vinci; Michelangelo; "
    "Pablo Picasso; Vincent van Gogh; Frida Kahlo; Mozart; Beethoven; Bach; Villa-Lobos; Tom Jobim; Elis Regina; "
    "Caetano Veloso; Gilberto Gil; Chico Buarque; Anitta; Ivete Sangalo; Taylor Swift; Madonna; Michael Jackson; "
    "Elvis Presley; Beyoncé; Freddie Mercury; Bob Dylan; Bob Marley; Lady Gaga; Rihanna; Pelé; Maradona; Neymar; "
    "Messi; Ronaldinho; Cristiano Ronaldo; Zico; Marta; Ayrton Senna; Lewis Hamilton; Serena Williams; Usain Bolt; "
    "Michael Jordan; Tiger Woods; Napoleon; Julius Caesar; Cleopatra; Alexander the Great; Dom Pedro II; Tiradentes; "
    "Getúlio Vargas; Juscelino Kubitschek; Abraham Lincoln; George Washington; Winston Churchill; Nelson Mandela; "
    "Gandhi; Martin Luther King; Lula; Barack Obama; Joan of Arc; Santos Dumont; Christopher Columbus; Vasco da Gama; "
    "Neil Armstrong; Stephen Hawking; Alan Turing; Ada Lovelace; Nikola Tesla; Thomas Edison; Bill Gates; Steve Jobs; "
    "Elon Musk; Mark Zuckerberg; Jeff Bezos; William Shakespeare; Machado de Assis; Clarice Lispector; Jorge Amado; "
    "Fernando Pessoa; Paulo Coelho; Jane Austen; Charles Dickens; Tolkien; Agatha Christie; Dostoevsky; Tolstoy; "
    "Hemingway; Plato; Aristotle; Socrates; Nietzsche; Karl Marx; Freud; Confucius; Buddha; Steven Spielberg; "
    "Fernanda Montenegro; Tom Hanks; Brad Pitt; Marilyn Monroe; Charlie Chaplin; Oscar Niemeyer; Paulo Freire; "
    "Monteiro Lobato; Carmen Miranda; Roberto Carlos; Xuxa"
)
_APP = words(
    "Photoshop; Excel; Word; PowerPoint; Outlook; WordPress; Docker; Kubernetes; Git; GitHub; Jenkins; Terraform; "
    "Ansible; Nginx; Apache; MySQL; MongoDB; Oracle; Android; iOS; Windows; Linux; Ubuntu; macOS; Bash; Vim; Emacs; "
    "Eclipse; Visual Studio; Unity; Unreal Engine; Blender; AutoCAD; SketchUp; Illustrator; InDesign; Premiere; "
    "Audacity; GIMP; Figma; Canva; Slack; Microsoft Teams; Zoom; Skype; Discord; WhatsApp; Telegram; Instagram; "
    "Facebook; TikTok; YouTube; Netflix; Spotify; Gmail; Google Maps; Google Drive; Dropbox; Trello; Jira; Notion; "
    "Salesforce; SAP; QuickBooks; Shopify; Tableau; MATLAB; Minecraft; Fortnite; Roblox; Steam; PlayStation; Xbox; "
    "Firefox; Safari; Bluetooth; Siri; Alexa; VirtualBox; LibreOffice; Waze; Uber; Airbnb; eBay"
)
_NUMBER = tuple(str(1009 + 137 * step) for step in range(120))
_NONSENSE = gibberish(Random(7), _SYLLABLES, 140)  # sameness in every build is wanted, not secrecy

_EN = with_others(
    {
        "person": _PERSON,
        "app": _APP,
        "number": _NUMBER,
        "nonsense": _NONSENSE,
        "name": words(
            "Ana; Bruno; Carlos; Daniel; Emma; Frank; Grace; Henry; Isabel; Jack; Kate; Liam; Mary; Nick; Olivia; "
            "Paul; Rachel; Sam; Tom; Victor; Alice; Ben; Chris; Diana; Edward; Fiona; George; Hannah; Ian; Julia; "
            "Kevin; Laura; Mark; Nina; Oscar; Peter; Rose; Sarah; Tim; Vera; William; Zoe; Adam; Beth; Clara; David; "
            "Eve; Felix; Gina; Harry; Ivy; James; Karen; Lucy; Max; Nora; Otto; Ruth; Steve; Tina; Maria; João; "
            "Pedro; Lucas; Anna; Robert; Susan; Linda; Michael; Joe"
        ),
        "word": words(
            "apple; banana; house; river; window; summer; winter; cat; dog; yellow; blue; music; table; garden; "
            "mountain; bread; cloud; star; moon; sun; ocean; forest; bridge; paper; pencil; orange; lemon; coffee; "
            "sugar; salt; butter; rabbit; tiger; lion; horse; bird; fish; flower; tree; stone; hello; goodbye; peace; "
            "love; hope; dream; light; night; morning; train; boat; plane; bicycle; guitar; piano; violin; drum; "
            "baton; rocket; planet; island; desert; castle; king; queen; school; book; letter; number; circle; "
            "square; happy; green; red; silver; gold"
        ),
        "place": words(
            "France; Brazil; Portugal; Spain; Italy; Germany; Japan; China; India; Russia; Canada; Mexico; Argentina; "
            "Chile; Peru; Colombia; Bolivia; Uruguay; Paraguay; Venezuela; Cuba; Egypt; Morocco; Nigeria; Kenya; "
            "Angola; South Africa; Ethiopia; Ghana; Turkey; Greece; Poland; Sweden; Norway; Finland; Denmark; "
            "Iceland; Ireland; Scotland; England; Wales; Austria; Switzerland; Belgium; the Netherlands; Hungary; "
            "Romania; Ukraine; Israel; Iran; Iraq; Saudi Arabia; Pakistan; Thailand; Vietnam; Indonesia; Malaysia; "
            "Australia; New Zealand; the United States; Texas; California; Florida; New York; London; Paris; Rome; "
            "Berlin; Madrid; Lisbon; Tokyo; Beijing; Moscow; Cairo; Rio de Janeiro; São Paulo; Brasília; Salvador; "
            "Recife; Manaus; Curitiba; Buenos Aires; Santiago; Lima; Toronto; Chicago; Boston; Mars; Jupiter; the "
            "Moon; the Amazon; Europe; Africa; Asia; Antarctica; the Sahara; the Himalayas"
        ),
        "work": words(
            "Hamlet; Macbeth; Romeo and Juliet; Don Quixote; War and Peace; Moby Dick; Dracula; Frankenstein; The "
            "Odyssey; The Iliad; Dom Casmurro; The Hobbit; The Lord of the Rings; Harry Potter; The Little Prince; "
            "Alice in Wonderland; Peter Pan; Pinocchio; Emma; Pride and Prejudice; Les Misérables; The Trial; "
            "Ulysses; Titanic; Star Wars; The Matrix; Avatar; Casablanca; The Godfather; Psycho; Jaws; City of God; "
            "Central Station; Gladiator; Inception; Toy Story; Frozen; The Lion King; Batman; Superman; Spider-Man; "
            "Game of Thrones; Breaking Bad; Friends; The Simpsons; Lost; The Office; Stranger Things; Bohemian "
            "Rhapsody; Imagine; Yesterday; Hotel California; Thriller; Garota de Ipanema; Swan Lake; The Nutcracker; "
            "Carmen; Aida; the Mona Lisa; Guernica; the Sistine Chapel; The Scream; The Starry Night; the Bible; "
            "Jurassic Park; Rocky; Terminator; Alien"
        ),
        "subject": words(
            "photosynthesis; gravity; evolution; the French Revolution; the Second World War; the Roman Empire; black "
            "holes; quantum physics; relativity; the big bang; DNA; cell division; volcanoes; earthquakes; the water "
            "cycle; climate change; electricity; magnetism; atoms; the periodic table; acids; chemistry; biology; "
            "algebra; geometry; calculus; statistics; logarithms; the Pythagorean theorem; prime numbers; inflation; "
            "the stock market; bitcoin; taxes; mortgages; insurance; democracy; communism; capitalism; socialism; "
            "feminism; slavery; the Cold War; the Middle Ages; ancient Egypt; the Aztecs; the Vikings; the "
            "Renaissance; baroque art; impressionism; jazz; samba; opera; ballet; football; basketball; chess; poker; "
            "tennis; swimming; yoga; meditation; marriage; divorce law; human rights; immigration; elections; the "
            "constitution; grammar; irregular verbs; poetry; philosophy; ethics; free will; the meaning of life; "
            "religion; Christianity; Buddhism; astrology; astronomy; the solar system; comets; dinosaurs; the ice "
            "age; vaccines; viruses; bacteria; cancer; sleep; dreams; digestion; the heart; the immune system; "
            "nutrition; marketing; accounting; architecture; photography; gardening; fashion; the internet; nuclear "
            "energy; solar power"
        ),
        "thing": words(
            "a piano; a guitar; a car; a bicycle; a motorcycle; a boat; an airplane; a house; a sofa; a mattress; a "
            "fridge; a washing machine; a microwave; an oven; a dishwasher; a television; a camera; a watch; a ring; "
            "a wedding dress; a suit; a pair of shoes; a raincoat; an umbrella; a tent; a backpack; a suitcase; a "
            "passport; a visa; a driving licence; a diploma; a mirror; a carpet; a curtain; a lamp; a candle; a "
            "chimney; a roof; a fence; a swimming pool; a garden; a tree; a rose; a cactus; a horse; a parrot; a "
            "puppy; a kitten; an aquarium; a microscope; a telescope; a thermometer; a compass; a violin; a drum; a "
            "flute; a kite; a puzzle; a chess board; a football; a surfboard; a skateboard; a tractor; a truck; a "
            "bus; a train ticket; a parachute; a ladder; a hammer; a drill; a saw; a lawn mower; a toaster; a "
            "blender; a coffee machine; a kettle; a sewing machine; a hair dryer; a perfume; a sword; a helmet; a "
            "wheelchair; a printer; a phone; a tablet; a projector; a drone; a speaker"
        ),
        "food": words(
            "pizza; lasagna; spaghetti; sushi; tacos; paella; risotto; feijoada; black beans; rice; scrambled eggs; "
            "an omelette; pancakes; waffles; chocolate cake; carrot cake; cheesecake; apple pie; brownies; cookies; "
            "ice cream; bread; garlic bread; croissants; cheese bread; tapioca; couscous; hummus; falafel; curry; "
            "fried chicken; roast beef; a steak; a hamburger; a hot dog; meatballs; fish soup; onion soup; tomato "
            "sauce; mayonnaise; pesto; mashed potatoes; french fries; a caesar salad; a fruit salad; lemonade; "
            "caipirinha; green tea; espresso; hot chocolate; a milkshake; jam; pudding; brigadeiro; popcorn; granola; "
            "yogurt; pickles; stuffed peppers; shrimp; salmon; lobster; a turkey; lentils"
        ),
        "animal": words(
            "dogs; cats; elephants; giraffes; lions; tigers; bears; wolves; foxes; rabbits; mice; bats; whales; "
            "dolphins; sharks; octopuses; jellyfish; penguins; owls; eagles; parrots; hens; ducks; swans; snakes; "
            "crocodiles; turtles; frogs; spiders; ants; bees; butterflies; mosquitoes; cockroaches; worms; snails; "
            "horses; cows; pigs; sheep; goats; camels; kangaroos; koalas; pandas; gorillas; chimpanzees; monkeys; "
            "sloths; jaguars; capybaras; armadillos; toucans; piranhas; hummingbirds; flamingos; zebras; rhinos; "
            "hippos; seals"
        ),
        "illness": words(
            "a headache; a fever; a cold; the flu; a sore throat; back pain; a toothache; stomach pain; diarrhea; an "
            "allergy; asthma; diabetes; high blood pressure; anxiety; insomnia; depression; migraine; a rash; acne; a "
            "burn; a sprained ankle; a broken arm; a cough; dizziness; nausea; food poisoning; dengue; malaria; "
            "measles; chickenpox; anemia; arthritis; a kidney stone; pneumonia; bronchitis; sinusitis; an ear "
            "infection; a snake bite; a bee sting; sunburn; hair loss; obesity; high cholesterol; gastritis; "
            "heartburn; a cramp; a nosebleed; hiccups; conjunctivitis; cramps; varicose veins; vertigo; epilepsy; a "
            "stroke; a heart attack; tetanus; rabies; hepatitis; tuberculosis; a hernia"
        ),
        "skill": words(
            "tie a tie; fix a leaking tap; change a light bulb; paint a wall; lose weight; gain muscle; learn to "
            "swim; ride a bike; drive a car; park a car; change a diaper; iron a shirt; wash a sweater; remove a wine "
            "stain; clean an oven; unclog a sink; grow tomatoes; plant a tree; train a dog; bathe a cat; feed a "
            "parrot; play the guitar; read music; dance samba; throw a party; plan a wedding; write a novel; publish "
            "a book; get a visa; renew a passport; buy a house; sell a car; rent a flat; open a bank account; invest "
            "money; save money; pay off debt; file taxes; find a job; write a CV; ask for a raise; quit smoking; "
            "sleep better; wake up early; stop snoring; make friends; impress a girl; propose marriage; get over a "
            "breakup; raise children; calm a baby; knit a scarf; sew a button; cut hair; shave; apply makeup; braid "
            "hair; build a table; hang a picture; lay tiles; fix a bike chain; jump start a car; check the oil; catch "
            "a fish; light a fire; pitch a tent; climb a mountain; run a marathon; do push-ups; meditate; juggle; "
            "whistle; solve a Rubik's cube; win at chess; fold a paper plane; draw a horse; take good photos; learn "
            "French; remember names; speak in public; study for an exam; get rid of ants; kill weeds; fly a drone; "
            "become a pilot; become a doctor; start a company; register a trademark; sue my neighbour; adopt a child; "
            "vote by mail"
        ),
        "tongue": words(
            "French; German; Spanish; Italian; Latin; Greek; Russian; Japanese; Chinese; Arabic; Hebrew; Turkish; "
            "Dutch; Swedish; Norwegian; Danish; Finnish; Polish; Czech; Hungarian; Romanian; Hindi; Korean; Thai; "
            "Vietnamese; Swahili; Catalan; Basque; Irish; Welsh; Ukrainian; Bulgarian; Croatian; Persian; Malay; "
            "Tupi; Guarani; Esperanto; Portuguese; Serbian"
        ),
        "phrase": words(
            "good morning; where is the station; I love you; the book is on the table; how much does it cost; thank "
            "you very much; my house is blue; I am hungry; the cat sleeps; it rains today; see you tomorrow; I have "
            "two brothers; water; friendship; butterfly; the train is late; please sit down; I live in the city; we "
            "are friends; happy birthday; open the door; I want a coffee; where do you live; the sky is blue; my "
            "father is a teacher; never give up; freedom; the children play; I am tired; good luck; close the window; "
            "turn left; I lost my bag; call a doctor; the bill please; what is your name; it is cold; spoon; knife; "
            "fork; chair; kitchen; grandmother; thunder; snow; tomorrow; yesterday"
        ),
    }
)
_PT = portuguese(
    {
        "person": _PERSON,
        "app": _APP,
        "number": _NUMBER,
        "nonsense": _NONSENSE,
        "name": words(
            "Ana; Bruno; Carlos; Daniel; Eduardo; Fernanda; Gabriel; Helena; Isabel; João; Karina; Lucas; Maria; "
            "Natália; Otávio; Pedro; Rafael; Sofia; Tiago; Vitor; Alice; Beatriz; Camila; Diego; Elisa; Felipe; "
            "Gustavo; Henrique; Igor; Júlia; Kátia; Larissa; Marcos; Nina; Olívia; Paula; Renata; Sara; Tatiana; "
            "Vera; André; Bianca; Caio; Débora; Enzo; Fábio; Giovana; Heitor; Ivo; José; Luana; Mateus; Nelson; "
            "Patrícia; Rodrigo; Sandra; Tomás; Valentina; Antônio; Francisco; Joana; Marina; Miguel; Roberto; Simone; "
            "Luiz; Cecília; Davi; Laura; Clara"
        ),
        "word": words(
            "maçã; banana; casa; rio; janela; verão; inverno; gato; cachorro; amarelo; azul; música; mesa; jardim; "
            "montanha; pão; nuvem; estrela; lua; sol; mar; floresta; ponte; papel; lápis; laranja; limão; café; "
            "açúcar; sal; manteiga; coelho; tigre; leão; cavalo; pássaro; peixe; flor; árvore; pedra; olá; tchau; "
            "paz; amor; esperança; sonho; luz; noite; manhã; trem; barco; avião; bicicleta; violão; piano; violino; "
            "tambor; batuta; foguete; planeta; ilha; deserto; castelo; rei; rainha; escola; livro; carta; número; "
            "círculo; quadrado; feliz; verde; vermelho; prata"
        ),
        "place": words(
            "a França; o Brasil; Portugal; a Espanha; a Itália; a Alemanha; o Japão; a China; a Índia; a Rússia; o "
            "Canadá; o México; a Argentina; o Chile; o Peru; a Colômbia; a Bolívia; o Uruguai; o Paraguai; a "
            "Venezuela; Cuba; o Egito; o Marrocos; a Nigéria; o Quênia; Angola; a África do Sul; a Etiópia; Gana; a "
            "Turquia; a Grécia; a Polônia; a Suécia; a Noruega; a Finlândia; a Dinamarca; a Islândia; a Irlanda; a "
            "Escócia; a Inglaterra; a Áustria; a Suíça; a Bélgica; a Holanda; a Hungria; a Romênia; a Ucrânia; "
            "Israel; o Irã; o Iraque; a Arábia Saudita; o Paquistão; a Tailândia; o Vietnã; a Indonésia; a Austrália; "
            "a Nova Zelândia; os Estados Unidos; o Texas; a Califórnia; a Flórida; Nova York; Londres; Paris; Roma; "
            "Berlim; Madri; Lisboa; Tóquio; Pequim; Moscou; o Rio de Janeiro; São Paulo; Brasília; Salvador; o "
            "Recife; Manaus; Curitiba; Minas Gerais; a Bahia; o Ceará; o Pará; o Amazonas; Buenos Aires; Santiago; "
            "Lima; Chicago; Marte; Júpiter; a Lua; a Amazônia; a Europa; a África; a Ásia; a Antártida"
        ),
        "work": words(
            "Hamlet; Macbeth; Romeu e Julieta; Dom Quixote; Guerra e Paz; Moby Dick; Drácula; Frankenstein; A "
            "Odisseia; A Ilíada; Dom Casmurro; O Hobbit; O Senhor dos Anéis; Harry Potter; O Pequeno Príncipe; Alice "
            "no País das Maravilhas; Peter Pan; Pinóquio; Memórias Póstumas de Brás Cubas; Vidas Secas; Grande "
            "Sertão: Veredas; O Cortiço; Iracema; O Guarani; Capitães da Areia; Gabriela; Macunaíma; A Hora da "
            "Estrela; Os Lusíadas; Titanic; Guerra nas Estrelas; Matrix; Avatar; Casablanca; O Poderoso Chefão; "
            "Psicose; Tubarão; Cidade de Deus; Central do Brasil; Tropa de Elite; O Auto da Compadecida; Gladiador; A "
            "Origem; Toy Story; Frozen; O Rei Leão; Batman; Homem-Aranha; Game of Thrones; Breaking Bad; Friends; Os "
            "Simpsons; Avenida Brasil; Pantanal; Garota de Ipanema; Aquarela; Construção; Imagine; Thriller; O Lago "
            "dos Cisnes; O Quebra-Nozes; Carmen; a Mona Lisa; Abaporu; Guernica; O Grito; a Bíblia; Jurassic Park"
        ),
        "subject": words(
            "a fotossíntese; a gravidade; a evolução; a Revolução Francesa; a Segunda Guerra Mundial; o Império "
            "Romano; os buracos negros; a física quântica; a relatividade; o big bang; o DNA; a divisão celular; os "
            "vulcões; os terremotos; o ciclo da água; a mudança climática; a eletricidade; o magnetismo; os átomos; a "
            "tabela periódica; os ácidos; a química; a biologia; a álgebra; a geometria; o cálculo; a estatística; os "
            "logaritmos; o teorema de Pitágoras; os números primos; a inflação; a bolsa de valores; o bitcoin; os "
            "impostos; o financiamento; o seguro; a democracia; o comunismo; o capitalismo; o socialismo; o "
            "feminismo; a escravidão; a Guerra Fria; a Idade Média; o Egito antigo; os astecas; os vikings; o "
            "Renascimento; o barroco; o impressionismo; o jazz; o samba; a ópera; o balé; o futebol; o basquete; o "
            "xadrez; o pôquer; o tênis; a natação; a ioga; a meditação; o casamento; o divórcio; os direitos humanos; "
            "a imigração; as eleições; a constituição; a crase; os verbos irregulares; a poesia; a filosofia; a "
            "ética; o livre-arbítrio; o sentido da vida; a religião; o cristianismo; o budismo; a astrologia; a "
            "astronomia; o sistema solar; os cometas; os dinossauros; a era do gelo; as vacinas; os vírus; as "
            "bactérias; o câncer; o sono; os sonhos; a digestão; o coração; o sistema imunológico; a nutrição; o "
            "marketing; a contabilidade; a arquitetura; a fotografia; a jardinagem; a moda; a internet; a energia "
            "nuclear; a energia solar; a ditadura"
        ),
        "thing": words(
            "um piano; um violão; um carro; uma bicicleta; uma moto; um barco; um avião; uma casa; um sofá; um "
            "colchão; uma geladeira; uma máquina de lavar; um micro-ondas; um forno; uma lava-louças; uma televisão; "
            "uma câmera; um relógio; um anel; um vestido de noiva; um terno; um par de sapatos; uma capa de chuva; um "
            "guarda-chuva; uma barraca; uma mochila; uma mala; um passaporte; um visto; uma carteira de motorista; um "
            "diploma; um espelho; um tapete; uma cortina; uma lâmpada; uma vela; uma chaminé; um telhado; uma cerca; "
            "uma piscina; um jardim; uma árvore; uma rosa; um cacto; um cavalo; um papagaio; um filhote; um aquário; "
            "um microscópio; um telescópio; um termômetro; uma bússola; um violino; um tambor; uma flauta; uma pipa; "
            "um quebra-cabeça; uma bola; uma prancha de surfe; um skate; um trator; um caminhão; um ônibus; uma "
            "passagem de trem; um paraquedas; uma escada; um martelo; uma furadeira; um serrote; um cortador de "
            "grama; uma torradeira; um liquidificador; uma cafeteira; uma chaleira; uma máquina de costura; um "
            "secador; um perfume; uma espada; um capacete; uma cadeira de rodas; uma impressora; um celular; um "
            "tablet; um projetor; um drone; uma caixa de som"
        ),
        "food": words(
            "pizza; lasanha; macarrão; sushi; tacos; paella; risoto; feijoada; feijão preto; arroz; ovos mexidos; "
            "omelete; panqueca; waffle; bolo de chocolate; bolo de cenoura; torta de limão; torta de maçã; brownie; "
            "biscoitos; sorvete; pão; pão de alho; pão de queijo; tapioca; cuscuz; homus; curry; frango frito; "
            "rosbife; churrasco; hambúrguer; cachorro-quente; almôndegas; sopa de peixe; sopa de cebola; molho de "
            "tomate; maionese; pesto; purê de batata; batata frita; salada de frutas; limonada; caipirinha; chá "
            "verde; café coado; chocolate quente; vitamina de banana; geleia; pudim; brigadeiro; pipoca; granola; "
            "iogurte; picles; camarão; salmão; lagosta; peru; lentilha; moqueca; acarajé; vatapá; coxinha; empada; "
            "farofa; escondidinho; canjica; pamonha; beijinho"
        ),
        "animal": words(
            "cachorros; gatos; elefantes; girafas; leões; tigres; ursos; lobos; raposas; coelhos; ratos; morcegos; "
            "baleias; golfinhos; tubarões; polvos; águas-vivas; pinguins; corujas; águias; papagaios; galinhas; "
            "patos; cisnes; cobras; jacarés; tartarugas; sapos; aranhas; formigas; abelhas; borboletas; mosquitos; "
            "baratas; minhocas; caracóis; cavalos; vacas; porcos; ovelhas; cabras; camelos; cangurus; coalas; pandas; "
            "gorilas; chimpanzés; macacos; preguiças; onças; capivaras; tatus; tucanos; piranhas; beija-flores; "
            "flamingos; zebras; rinocerontes; hipopótamos; focas"
        ),
        "illness": words(
            "dor de cabeça; febre; resfriado; gripe; dor de garganta; dor nas costas; dor de dente; dor de estômago; "
            "diarreia; alergia; asma; diabetes; pressão alta; ansiedade; insônia; depressão; enxaqueca; coceira; "
            "acne; queimadura; tornozelo torcido; braço quebrado; tosse; tontura; enjoo; intoxicação alimentar; "
            "dengue; malária; sarampo; catapora; anemia; artrite; pedra no rim; pneumonia; bronquite; sinusite; dor "
            "de ouvido; picada de cobra; picada de abelha; queimadura de sol; queda de cabelo; obesidade; colesterol "
            "alto; gastrite; azia; cãibra; sangramento no nariz; soluço; conjuntivite; varizes; labirintite; "
            "epilepsia; derrame; infarto; tétano; raiva; hepatite; tuberculose; hérnia; caspa; zika; chikungunya"
        ),
        "skill": words(
            "dar nó em gravata; consertar uma torneira; trocar uma lâmpada; pintar uma parede; emagrecer; ganhar "
            "músculos; aprender a nadar; andar de bicicleta; dirigir um carro; estacionar; trocar uma fralda; passar "
            "uma camisa; lavar um casaco; tirar mancha de vinho; limpar o forno; desentupir a pia; plantar tomates; "
            "plantar uma árvore; adestrar um cachorro; dar banho em gato; alimentar um papagaio; tocar violão; ler "
            "partitura; dançar samba; organizar uma festa; planejar um casamento; escrever um romance; publicar um "
            "livro; tirar um visto; renovar o passaporte; comprar uma casa; vender um carro; alugar um apartamento; "
            "abrir uma conta no banco; investir dinheiro; economizar; quitar dívidas; declarar imposto de renda; "
            "conseguir um emprego; fazer um currículo; pedir aumento; parar de fumar; dormir melhor; acordar cedo; "
            "parar de roncar; fazer amigos; conquistar uma garota; pedir em casamento; superar um término; educar os "
            "filhos; acalmar um bebê; fazer tricô; pregar um botão; cortar cabelo; fazer a barba; passar maquiagem; "
            "fazer trança; construir uma mesa; pendurar um quadro; assentar azulejo; trocar a corrente da bicicleta; "
            "fazer chupeta no carro; verificar o óleo; pescar; acender uma fogueira; armar uma barraca; escalar uma "
            "montanha; correr uma maratona; fazer flexões; meditar; fazer malabarismo; assobiar; resolver o cubo "
            "mágico; ganhar no xadrez; dobrar um avião de papel; desenhar um cavalo; tirar boas fotos; aprender "
            "francês; lembrar nomes; falar em público; estudar para a prova; acabar com as formigas; matar ervas "
            "daninhas; pilotar um drone; virar piloto; virar médico; abrir uma empresa; registrar uma marca; "
            "processar o vizinho; adotar uma criança"
        ),
        "tongue": words(
            "francês; alemão; espanhol; italiano; latim; grego; russo; japonês; chinês; árabe; hebraico; turco; "
            "holandês; sueco; norueguês; dinamarquês; finlandês; polonês; tcheco; húngaro; romeno; hindi; coreano; "
            "tailandês; vietnamita; suaíli; catalão; basco; irlandês; galês; ucraniano; búlgaro; croata; persa; "
            "malaio; tupi; guarani; esperanto; inglês; sérvio"
        ),
        "phrase": words(
            "bom dia; onde fica a estação; eu te amo; o livro está na mesa; quanto custa; muito obrigado; a minha "
            "casa é azul; estou com fome; o gato dorme; hoje chove; até amanhã; tenho dois irmãos; água; amizade; "
            "borboleta; o trem está atrasado; sente-se por favor; moro na cidade; somos amigos; feliz aniversário; "
            "abra a porta; quero um café; onde você mora; o céu é azul; meu pai é professor; nunca desista; "
            "liberdade; as crianças brincam; estou cansado; boa sorte; feche a janela; vire à esquerda; perdi a minha "
            "bolsa; chame um médico; a conta por favor; qual é o seu nome; está frio; colher; faca; garfo; cadeira; "
            "cozinha; avó; trovão; neve; amanhã; ontem; saudade"
        ),
    }
)

FILL: Mapping[str, Mapping[str, Words]] = {"en": _EN, "pt": _PT}
"""Language -> slot -> words, for training."""
