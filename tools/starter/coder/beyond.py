"""What starter-coder does not do, and how it says so: programs beyond it, and talk that is no request for a program."""

from __future__ import annotations

from collections.abc import Mapping

SAY: Mapping[str, tuple[str, ...]] = {
    "en": (
        "I don't know how to write that: I am a very small demonstration model that writes short Python programs. "
        "Load a real coding model for it.",
    ),
    "pt": (
        "Não sei escrever isso: sou um modelo de demonstração bem pequeno que escreve programas curtos em Python. "
        "Carregue um modelo de código de verdade para isso.",
    ),
}
FACTS = {"en": "I don't know how to write that", "pt": "Não sei escrever isso"}

ASK: Mapping[str, tuple[str, ...]] = {
    "en": (
        "(write|make|create|build|code|develop) (me |)(a|an|the|my) {project}( in Python| with Python|)",
        "(I need|I want|we need) (a|an) {project}( by tomorrow| soon|)",
        "(can you|could you|how do I) (program|implement|make|build) (a|an) {project}( in {language}|)?",
        "(write|implement) (a|an) {project} in {language}",
        "{project}( please| in {language}|)",
        "(hi|hello|hey|good morning|how are you|thank you|who are you|tell me a joke|what is your name)",
        "(what is|who was|where is|explain|tell me about) {matter}",
    ),
    "pt": (
        "(escreva|faça|crie|construa|programe|desenvolva) (um|uma|o|a|meu) {project}( em Python| com Python|)",
        "(preciso de|quero|precisamos de) (um|uma) {project}( até amanhã| logo|)",
        "(você pode|dá para|como eu) (programar|implementar|fazer|criar) (um|uma) {project}( em {language}|)?",
        "(escreva|implemente) (um|uma) {project} em {language}",
        "{project}( por favor| em {language}|)",
        "(oi|olá|bom dia|tudo bem|obrigado|quem é você|conte uma piada|qual é o seu nome)",
        "(o que é|quem foi|onde fica|explique|fale sobre) {matter}",
    ),
}
LANGUAGES = ("Java", "Rust", "JavaScript", "C++", "Go", "PHP", "Ruby", "Kotlin", "Swift", "C#", "SQL", "Haskell")

FILL: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "project": (
            "web server", "neural network", "mobile app", "chess engine", "web scraper", "compiler", "video game",
            "database server", "chat application", "image classifier", "operating system", "face detector",
            "recommendation system", "blockchain", "spreadsheet", "text editor", "music player", "weather app",
            "login page", "REST API", "Discord bot", "Telegram bot", "PDF reader", "browser extension", "ray tracer",
            "speech recogniser", "stock trading bot", "online shop", "3D renderer", "search engine", "e-mail client",
            "photo editor", "virtual machine", "device driver", "machine learning model", "snake game", "tkinter GUI",
            "Flask app", "Django site", "React page", "Kubernetes operator", "password cracker", "video downloader",
            "sudoku solver with a window", "translator", "calendar app", "payment system", "drone controller",
        ),
        "language": LANGUAGES,
        "matter": (
            "photosynthesis", "the Roman Empire", "Napoleon", "black holes", "football", "the capital of France",
            "democracy", "the stock market", "vaccines", "Shakespeare", "the moon", "love", "inflation", "volcanoes",
            "jazz", "dinosaurs", "the weather", "your favourite film", "gravity", "climate", "Brazil", "chess",
        ),
    },
    "pt": {
        "project": (
            "servidor web", "rede neural", "aplicativo de celular", "motor de xadrez", "raspador de páginas",
            "compilador", "jogo de vídeo", "servidor de banco de dados", "aplicativo de conversa",
            "classificador de imagens", "sistema operacional", "detector de rostos", "sistema de recomendação",
            "blockchain", "planilha", "editor de texto", "tocador de música", "aplicativo de clima", "página de login",
            "API REST", "bot do Discord", "bot do Telegram", "leitor de PDF", "extensão de navegador",
            "reconhecedor de voz", "robô de ações", "loja virtual", "renderizador 3D", "buscador", "cliente de e-mail",
            "editor de fotos", "máquina virtual", "driver de dispositivo", "modelo de aprendizado de máquina",
            "jogo da cobrinha", "janela com tkinter", "aplicação Flask", "site em Django", "página em React",
            "operador de Kubernetes", "quebrador de senhas", "baixador de vídeos", "tradutor", "agenda com janela",
            "sistema de pagamento", "controlador de drone",
        ),
        "language": LANGUAGES,
        "matter": (
            "fotossíntese", "o Império Romano", "Napoleão", "buracos negros", "futebol", "a capital da França",
            "democracia", "a bolsa de valores", "vacinas", "Machado de Assis", "a lua", "o amor", "a inflação",
            "vulcões", "samba", "dinossauros", "o tempo", "seu filme favorito", "a gravidade", "o clima", "o Brasil",
        ),
    },
}  # fmt: skip
