"""Kinds about files in the working folder: text, CSV, JSON, and the folder itself. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_b import asked
from tools.starter.coder.pools_b import file_name, folder, pairs, sentence
from tools.starter.kinds import Kind
from tools.starter.slots import PEOPLE, WORDS, Value, choice, numbers, words

NOTES = "apple and banana\nriver of gold\nlast line here\n"
SALES = "name,price,amount\napple,3,10\nbanana,5,4\norange,2,8\n"

KINDS: tuple[Kind, ...] = (
    Kind(
        "write_file",
        asked(
            (
                "(write|save) {s} to the file {f} and ~print the file",
                "create the file {f} with the text {s}, then ~read it back and ~print it",
                "how do I save {s} in {f} and print what the file holds?",
            ),
            (
                "(escrever|salvar) {s} no arquivo {f} e ~mostrar o arquivo",
                "criar o arquivo {f} com o texto {s}, depois ~ler e ~imprimir",
                "como salvar {s} em {f} e imprimir o que o arquivo tem?",
            ),
        ),
        """
with open("<<f>>", "w") as file:
    file.write(<<s>>)
with open("<<f>>") as file:
    print(file.read())
""",
        {"s": sentence(2, 4), "f": file_name("txt")},
    ),
    Kind(
        "append_line",
        asked(
            (
                "append the line {s} to the file notes.txt and ~print the whole file",
                "add {s} at the end of notes.txt and ~print all of it",
                "how do I append the line {s} to notes.txt and print the file?",
            ),
            (
                "(adicionar|acrescentar) a linha {s} no arquivo notes.txt e ~mostrar o arquivo inteiro",
                "colocar {s} no fim de notes.txt e ~imprimir tudo",
                "como adicionar a linha {s} em notes.txt e imprimir o arquivo?",
            ),
        ),
        """
with open("notes.txt", "a") as file:
    file.write(<<s>> + "\\n")
with open("notes.txt") as file:
    print(file.read())
""",
        {"s": sentence(2, 4)},
        {"notes.txt": NOTES},
    ),
    Kind(
        "write_lines",
        asked(
            (
                "(write|save) the words {ws} to {f}, one per line, and ~print the number of lines",
                "create {f} with {ws} on separate lines, then ~count its lines",
                "how do I save {ws} line by line in {f} and print how many lines it has?",
            ),
            (
                "(escrever|salvar) as palavras {ws} em {f}, uma por linha, e ~mostrar o número de linhas",
                "criar {f} com {ws} em linhas separadas, depois ~contar as linhas",
                "como salvar {ws} linha por linha em {f} e imprimir quantas linhas ele tem?",
            ),
        ),
        """
words = <<ws>>
with open("<<f>>", "w") as file:
    file.write("\\n".join(words))
with open("<<f>>") as file:
    print(len(file.readlines()))
""",
        {"ws": words((*WORDS, *PEOPLE), 2, 7), "f": file_name("txt")},
    ),
    Kind(
        "count_file",
        asked(
            (
                "count the {u} (in|of) the file notes.txt",
                "(open|read) notes.txt and ~print how many {u} it has",
                "how many {u} (are|are there) in notes.txt?",
            ),
            (
                "contar as {u} do arquivo notes.txt",
                "(abrir|ler) notes.txt e ~mostrar o número de {u}",
                "quantas {u} (há|existem|tem) em notes.txt?",
            ),
        ),
        """
with open("notes.txt") as file:
    text = file.read()
print(len(text.<<u>>()))
""",
        {"u": choice(Value("words", "palavras", "split"), Value("lines", "linhas", "splitlines"))},
        {"notes.txt": NOTES},
    ),
    Kind(
        "list_files",
        asked(
            (
                "list the {x} files (in|of) (this|the current) folder, sorted",
                "print a sorted list of the files that end in {x} in the current folder",
                "(which|what) {x} files are in this folder, sorted in a list?",
            ),
            (
                "listar os arquivos {x} (desta pasta|da pasta atual), em ordem",
                "mostrar uma lista ordenada dos arquivos que terminam em {x} na pasta atual",
                "quais arquivos {x} há nesta pasta, em uma lista ordenada?",
            ),
        ),
        """
import os

print(sorted(f for f in os.listdir() if f.endswith("<<x>>")))
""",
        {"x": choice(".txt", ".csv", ".json", ".md")},
        {"b.txt": "b\n", "a.txt": "a\n", "c.csv": "c\n", "d.json": "{}\n", "e.md": "e\n", "f.csv": "f\n"},
    ),
    Kind(
        "write_csv",
        asked(
            (
                "(write|save) {d} to {f} as csv rows name,value and ~print the file",
                "create the csv file {f} with the header name,value and a row for each of {d}, then ~print it",
                "how do I save {d} as name,value rows in {f} and print the file?",
            ),
            (
                "(escrever|salvar) {d} em {f} como linhas csv name,value e ~mostrar o arquivo",
                "criar o arquivo csv {f} com o cabeçalho name,value e uma linha por item de {d}, depois ~imprimir",
                "como salvar {d} como linhas name,value em {f} e imprimir o arquivo?",
            ),
        ),
        """
import csv

data = <<d>>
with open("<<f>>", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\\n")
    writer.writerow(["name", "value"])
    writer.writerows(data.items())
with open("<<f>>") as file:
    print(file.read())
""",
        {"d": pairs((*WORDS, *PEOPLE), 1, 99, 2, 3), "f": file_name("csv")},
    ),
    Kind(
        "csv_column",
        asked(
            (
                "(sum|add up) the {c} column of sales.csv",
                "read sales.csv and ~print the total of the column {c}",
                "what is the sum of the column {c} in sales.csv?",
            ),
            (
                "somar a coluna {c} de sales.csv",
                "ler sales.csv e ~mostrar o total da coluna {c}",
                "qual é a soma da coluna {c} em sales.csv?",
            ),
        ),
        """
import csv

with open("sales.csv") as file:
    print(sum(int(row["<<c>>"]) for row in csv.DictReader(file)))
""",
        {"c": choice("price", "amount")},
        {"sales.csv": SALES},
    ),
    Kind(
        "json_write",
        asked(
            (
                "(save|write) the dictionary {d} as json in {f} and ~print the file",
                "dump {d} to the json file {f}, then ~read the file and ~print its text",
                "how do I save {d} as json in {f} and print the file?",
            ),
            (
                "(salvar|escrever) o dicionário {d} como json em {f} e ~mostrar o arquivo",
                "gravar {d} no arquivo json {f}, depois ~ler o arquivo e ~imprimir o texto",
                "como salvar {d} como json em {f} e imprimir o arquivo?",
            ),
        ),
        """
import json

with open("<<f>>", "w") as file:
    json.dump(<<d>>, file)
with open("<<f>>") as file:
    print(file.read())
""",
        {"d": pairs((*WORDS, *PEOPLE), 1, 99, 2, 3), "f": file_name("json")},
    ),
    Kind(
        "json_read",
        asked(
            (
                "read (the key|) {k} (from|in) the json file config.json",
                "(load|open) config.json and ~print the value of {k}",
                "what is the value of {k} in config.json?",
            ),
            (
                "ler (a chave|) {k} do arquivo json config.json",
                "(carregar|abrir) config.json e ~mostrar o valor de {k}",
                "qual é o valor de {k} em config.json?",
            ),
        ),
        """
import json

with open("config.json") as file:
    data = json.load(file)
print(data["<<k>>"])
""",
        {"k": choice("name", "port", "color", "size", "city")},
        {"config.json": '{"name": "batuta", "port": 8080, "color": "blue", "size": 12, "city": "Recife"}\n'},
    ),
    Kind(
        "json_text",
        asked(
            (
                "(convert|turn) the dictionary {d} (to|into) a json text",
                "print {d} as json",
                "what is {d} as (a|) json (text|string)?",
            ),
            (
                "(converter|transformar) o dicionário {d} em texto json",
                "mostrar {d} como json",
                "como fica {d} em (texto|) json?",
            ),
        ),
        """
import json

data = <<d>>
print(json.dumps(data))
""",
        {"d": pairs((*WORDS, *PEOPLE), 1, 99, 2, 4)},
    ),
    Kind(
        "rename_file",
        asked(
            (
                "rename the file notes.txt to {f} and ~print the new name and whether it exists",
                "change the name of notes.txt to {f}, then ~print that name and whether it exists",
                "how do I rename notes.txt to {f}, printing the name and whether it exists?",
            ),
            (
                "renomear o arquivo notes.txt para {f} e ~mostrar o novo nome e se ele existe",
                "mudar o nome de notes.txt para {f}, depois ~imprimir esse nome e se ele existe",
                "como renomear notes.txt para {f}, imprimindo o nome e se ele existe?",
            ),
        ),
        """
import os

os.rename("notes.txt", "<<f>>")
print("<<f>>", os.path.exists("<<f>>"))
""",
        {"f": file_name("txt")},
        {"notes.txt": NOTES},
    ),
    Kind(
        "file_size",
        asked(
            (
                "(write|save) {s} to {f} and ~print the size of the file in bytes",
                "create {f} with the text {s}, then ~show how many bytes the file has",
                "how do I save {s} in {f} and print its size in bytes?",
            ),
            (
                "(escrever|salvar) {s} em {f} e ~mostrar o tamanho do arquivo em bytes",
                "criar {f} com o texto {s}, depois ~mostrar quantos bytes o arquivo tem",
                "como salvar {s} em {f} e imprimir o tamanho em bytes?",
            ),
        ),
        """
import os

with open("<<f>>", "w") as file:
    file.write(<<s>>)
print(os.path.getsize("<<f>>"))
""",
        {"s": sentence(2, 5), "f": file_name("txt")},
    ),
    Kind(
        "make_folder",
        asked(
            (
                "(create|make) (a|the) folder {f} and ~print its name and whether it exists",
                "make a directory (called|named) {f}, then ~print its name and whether it is there",
                "how do I create the folder {f} and print its name and whether it exists?",
            ),
            (
                "(criar|fazer) (uma|a) pasta {f} e ~mostrar o nome e se ela existe",
                "criar um diretório (chamado|de nome) {f}, depois ~imprimir o nome e se ele está lá",
                "como criar a pasta {f} e imprimir o nome e se ela existe?",
            ),
        ),
        """
import os

os.makedirs("<<f>>", exist_ok=True)
print("<<f>>", os.path.isdir("<<f>>"))
""",
        {"f": folder()},
    ),
    Kind(
        "file_numbers",
        asked(
            (
                "(write|save) the numbers {xs} to {f}, one per line, then ~read them and ~print the sum",
                "put {xs} line by line in {f}, ~read the file and ~print the total",
                "how do I save the numbers {xs} in {f} and print the sum of its lines?",
            ),
            (
                "(escrever|salvar) os números {xs} em {f}, um por linha, depois ~ler e ~mostrar a soma",
                "colocar {xs} linha por linha em {f}, ~ler o arquivo e ~imprimir o total",
                "como salvar os números {xs} em {f} e imprimir a soma das linhas?",
            ),
        ),
        """
with open("<<f>>", "w") as file:
    for n in <<xs>>:
        file.write(f"{n}\\n")
with open("<<f>>") as file:
    print(sum(int(line) for line in file))
""",
        {"xs": numbers(1, 99, 3, 5), "f": file_name("txt")},
    ),
)
