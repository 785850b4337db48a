"""How people type: made-up words, sums, names, noise and typing errors that a question template is varied with.
Everything is drawn from a random.Random that the caller seeds."""
import re


def normal(question):
    """The form in which two questions count as the same one."""
    return " ".join(re.sub(r"[^\w ]", " ", question.lower()).split()) or question.strip()


ONSETS = "b c d f g h j k l m n p r s t v w z br ch cl cr dr fl fr gl gr pl pr qu sc sh sk sl sp st str sw th tr wh".split()
VOWELS = "a e i o u a e i o u ai ea ee oo ou io ia y".split()
CODAS = "n r s t l m d k p x ng nt st ck sh th ns rd ll ss".split() + [""] * 14


def pseudo_word(rng, low=1, high=4):
    word = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.randint(low, high - 1)))
    return word + rng.choice(["", "", "", "s", "ing", "ed", "tion", "er", "ism", "ology", "ic", "al", "ly", "ity"])


# ---- slots: values that an answer repeats, or material that no list can hold -------------------------------------------

ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen twenty").split()
SIGNS = {"+": ["plus", "+", "plus", "and"], "-": ["minus", "-", "minus", "less"],
         "x": ["times", "*", "x", "multiplied by", "times"], "/": ["divided by", "/", "over"]}


def sum_slots(rng):
    sign = rng.choice("+++-xx/" if rng.random() < 0.9 else "+-")
    if sign in "+-":
        top = rng.choice([10, 10, 20])
        a, b = rng.randint(0, top), rng.randint(0, top)
        if sign == "-" and b > a and rng.random() < 0.5:
            a, b = b, a
        c = a + b if sign == "+" else a - b
    elif sign == "x":
        a, b = rng.randint(0, 12), rng.randint(0, 12)
        c = a * b
    else:
        b, c = rng.randint(1, 10), rng.randint(1, 10)
        a = b * c
    spoken = rng.choice(SIGNS[sign])
    if spoken == "and" and rng.random() < 0.5:
        spoken = "+"
    asked = {"a": str(a), "b": str(b), "op": spoken, "sym": rng.choice(["x", "*", "*", "×"]) if sign == "x" else sign}
    if rng.random() < 0.2 and max(a, b) <= 20:
        asked["a"], asked["b"] = ONES[a], ONES[b]
        if asked["op"] in "+-*x/":
            asked["op"] = SIGNS[sign][0]
        asked["sym"] = " " + SIGNS[sign][0] + " "
    return asked, {"a": str(a), "b": str(b), "c": str(c), "sym": sign}


def random_name(rng, grammar):
    chance = rng.random()
    if chance < 0.4:
        name = grammar.expand(rng.choice(grammar.lists["name"]), rng)
        if rng.random() < 0.3:
            name = name[:rng.randint(2, len(name))] + rng.choice("a e i o u y ia ina son ika er ta sten bert ella ko mir wen lyn ette us sha dra nd rick".split())
    else:
        name = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.randint(1, 3))).capitalize()
    return rng.choices([name, name.lower(), name.upper()], [70, 26, 4])[0]


PHRASES = """ok|yes|no|test|this is a test|hello world|hi|banana|done|ready|pong|ping|success|working|it works|I am here|true|false|
good night|the quick brown fox|one two three|foo|bar|foo bar|hello there|all good|API works|connection ok|abc|OK|Yes|This is a test|
Hello World|Hello, world|I love Shimmy|Shimmy works|I am a robot|shimmy|nothing|something|cheese|potato|pineapple|elephant"""


def some_words(rng, grammar):
    if rng.random() < 0.35:
        return rng.choice(PHRASES.replace("\n", "").split("|"))
    if rng.random() < 0.35:
        words = [pseudo_word(rng, 1, 3) for _ in range(rng.randint(1, 2))]
    else:
        shapes = ["$noun", "$animal", "$adj $noun", "$food", "$verb", "the $adj $animal", "$thing",
                  "I like $food", "the $noun is $adj", "$city", "$country", "$adj", "$adj $adj $thing", "my $animal is $adj"]
        words = [grammar.expand(grammar.parse(rng.choice(shapes)), rng)]
    text = " ".join(words)
    return rng.choices([text, text.capitalize(), text.upper()], [75, 19, 6])[0]


def gibberish(rng):
    kind = rng.random()
    if kind < 0.35:
        return "".join(rng.choice("asdfghjklqwertyuiopzxcvbnm") for _ in range(rng.randint(3, 12)))
    if kind < 0.55:
        row = rng.choice(["asdfghjkl", "qwertyuiop", "zxcvbnm", "asdf", "jkl;"])
        return "".join(rng.choice(row) for _ in range(rng.randint(3, 14)))
    if kind < 0.7:
        return rng.choice("abcdefghijklmnopqrstuvwxyz?!.#%0") * rng.randint(3, 15)
    if kind < 0.8:
        return "".join(chr(rng.randint(33, 126)) for _ in range(rng.randint(4, 20)))
    if kind < 0.9:
        return "".join(rng.choice("bcdfghjklmnpqrstvwxz") for _ in range(rng.randint(3, 10)))
    return "".join(rng.choice("0123456789abcdef") for _ in range(rng.randint(8, 32)))


CODE_LINES = """def %w(%w):|    return %w + 1|for %w in range(10):|    print(%w)|import %w|int main() {|  int %w = %n;|}|
  return 0;|const %w = require("%w");|console.log(%w);|if (%w == %n) {|  %w(%w, %n);|SELECT * FROM %w WHERE %w = %n;|class %w:|
    self.%w = %w|while True:|#include <%w.h>|{"%w": %n, "%w": "%w"}|<div class="%w">%w</div>|let %w = %n;|fn %w() -> i32 {|
%w: %n|[%w]|%w = %w.%w(%n)|Traceback (most recent call last):|  File "%w.py", line %n, in <module>|TypeError: %w is not %w|
error: expected ';' before %w|public static void main(String[] args) {|x = [i for i in %w]|try:|except %w as e:|npm ERR! code %w"""


def code_text(rng, grammar):
    lines = [s.strip("\n") for s in CODE_LINES.split("|")]
    def fill(m):
        if m.group() == "%n":
            return str(rng.randint(0, 999))
        return rng.choice(["foo", "bar", "x", "y", "data", "user", "items", "value", "result", "name", "list", pseudo_word(rng)])
    return "\n".join(re.sub("%[wn]", fill, rng.choice(lines)) for _ in range(rng.randint(2, 14)))


LONG_FRAMES = """the $adj $noun of $country {was|is|became} {$adj|a $noun|the $adj $noun}|$person {$verb|said that the $noun is $adj}|
in $city{,|} {people|the ${animal}s|a $job} {$verb|want to $verb|could not $verb} the $thing|we {need|have|want} {a $thing|$food|more $topic|the $noun}|
the $job {said|told us|wrote} that {the $noun is $adj|$food is $adj|we should $verb}|it {is|was} a $adj $noun|
$topic {and|or} $topic {are|were} $adj|on monday {the $noun|my $noun|the $thing} will $verb|dear $job, i {write to|want to} $verb {the|a} $noun|
a $adj $animal {went|came} to the $noun and {$verb|saw a $adj $thing}|the {price|number|size} of the $thing {rose|fell} by %n percent|
there {is|was|are} {no|a|some} $noun in the $noun|$person was born in $city in %n|i think that $topic is $adj because {${animal}s|people} $verb|
our company makes ${thing}s for the $job|the meeting begins at %n and the $job brings $food|first $verb the $food, then $verb it for %n minutes"""


def long_text(rng, grammar):
    frames = grammar._alternatives(LONG_FRAMES.replace("\n", ""))
    sentences = []
    for _ in range(rng.choice([2, 3, 3, 4, 4, 5, 6, 8, 10, 14, 20, 26])):
        s = grammar.expand(rng.choice(frames), rng, strange=0.06).replace("%n", str(rng.randint(2, 2000)))
        sentences.append(s[0].upper() + s[1:] + rng.choice([".", ".", ".", ".", "!", "?", ";"]))
    glue = rng.choice([" ", " ", " ", "\n", "\n- "])
    return glue.join(sentences)


def off_numbers(rng, text):
    """%big% op %big%: at least one of the numbers is beyond the sums that the guide knows."""
    while "%big%" in text:
        n = rng.choice([rng.randint(21, 99), rng.randint(100, 999), rng.randint(1000, 999999), rng.randint(21, 200)])
        text = text.replace("%big%", str(n), 1)
        if rng.random() < 0.25:
            text = text.replace("%big%", str(rng.randint(2, 99)), 1)
    return text


UNITS = "km|miles|kg|pounds|litres|feet|metres|cm|inches|grams|hours|minutes|days|celsius|fahrenheit|degrees".split("|")
PORTS = [80, 443, 1234, 3000, 3001, 4000, 4321, 5000, 5001, 6000, 6543, 7000, 7777, 8000, 8001, 8008, 8081, 8088, 8090, 8181,
         8443, 8765, 8888, 9000, 9001, 9090, 9999, 10000, 11434, 11436, 12345, 18080, 20000, 50000, 65000]


# ---- the ways in which people type -------------------------------------------------------------------------------------

ASKING = set("how what which where who why when can could do does is are will should may has have would did was were whats "
             "what's who's where's how's am must shall any got whose".split())
PROPER = {"shimmy": "Shimmy", "gguf": "GGUF", "api": "API", "openai": "OpenAI", "python": "Python", "json": "JSON", "gpu": "GPU",
          "cpu": "CPU", "llm": "LLM", "llms": "LLMs", "ai": "AI", "http": "HTTP", "url": "URL", "linux": "Linux",
          "windows": "Windows", "debian": "Debian", "ollama": "Ollama", "cuda": "CUDA", "nvidia": "NVIDIA", "docker": "Docker",
          "langchain": "LangChain", "javascript": "JavaScript", "typescript": "TypeScript", "node": "Node", "chatgpt": "ChatGPT",
          "english": "English", "german": "German", "french": "French", "spanish": "Spanish", "i": "I", "i'm": "I'm", "i'd": "I'd",
          "i've": "I've", "i'll": "I'll", "ram": "RAM", "vulkan": "Vulkan", "airframe": "Airframe", "mit": "MIT", "sdk": "SDK",
          "q4_k_m": "Q4_K_M", "q8_0": "Q8_0", "llama": "Llama", "mistral": "Mistral", "france": "France", "germany": "Germany",
          "italy": "Italy", "paris": "Paris", "london": "London", "berlin": "Berlin", "cursor": "Cursor", "rust": "Rust",
          "qwen": "Qwen", "gemma": "Gemma", "sse": "SSE", "https": "HTTPS", "tls": "TLS", "curl": "curl", "lan": "LAN"}
SHORT = [("what is", "whats"), ("you are", "youre"), ("you", "u"), ("are", "r"), ("please", "pls"), ("please", "plz"),
         ("don't", "dont"), ("can't", "cant"), ("i'm", "im"), ("what's", "whats"), ("doesn't", "doesnt"), ("how do i", "how do I"),
         ("how do i", "how i"), ("do not", "don't"), ("cannot", "can't"), ("because", "cuz"), ("and", "&"), ("your", "ur"),
         ("for", "4"), ("to", "2"), ("thanks", "thx"), ("is not", "isnt"), ("want to", "wanna"), ("going to", "gonna"),
         ("example", "ex"), ("command", "cmd"), ("with", "w/"), ("the", "da"), ("what", "wat"), ("without", "w/o"),
         ("model", "modell"), ("does", "dose"), ("quantisation", "quantization"), ("parameter", "param"), ("install", "instal")]
OPENERS = ["hi, ", "hello, ", "hey, ", "hi! ", "hello! ", "hi ", "hello ", "hey ", "good morning, ", "please ", "excuse me, ", "ok, ",
           "ok ", "so ", "so, ", "well, ", "um, ", "hmm, ", "quick question: ", "question: ", "i have a question: ", "one question: ",
           "hey shimmy, ", "shimmy, ", "dear guide, ", "sorry, ", "another question: ", "now ", "and ", "but ", "also, ",
           "tell me, ", "just curious, ", "i was wondering, ", "hi there, ", "good evening, ", "thanks. ", "thanks! ", "ok thanks, ",
           "great, ", "cool, ", "hello shimmy, ", "hi guide, ", "i'm new here. ", "newbie question: ", "yo ", "by the way, ",
           "alright, ", "next question: ", "actually, ", "oh, ", "sir, ", "hello, i have a question. ", "not sure if you know, but "]
CONTEXT = ["i just installed shimmy. ", "i have a debian server. ", "we are a small team. ", "i am writing an app. ", "i like this. ",
           "i use linux. ", "i read the readme. ", "my friend told me about this. ", "i am a student. ", "i looked everywhere. ",
           "it is my first day with this. ", "i hope you can help. ", "i'm not a programmer. ", "great tool! ", "just one thing: ",
           "i am in a hurry. ", "ok so here is my problem: ", "this is nice. ", "i tried it before. ", "sorry to bother you. ",
           "let me ask you something. ", "i am building a chatbot. ", "i have an old laptop. ", "as a beginner, ", "for a school project: ",
           "my boss asked me: ", "long story short, ", "i don't want to read the docs. ", "first question: ", "maybe a stupid question, but "]
CLOSERS = [" please", " pls", ", please", " thanks", ", thanks", " thank you", ", thank you", " exactly", " for me", " now",
           " again", " then", " actually", " anyway", " here", " today", " if possible", " quickly", ". thanks!", "? thanks",
           "? thank you!", " by the way", " btw", " in short", " briefly", " or what", " bro", " man", " shimmy", " guide", " plz", ", how", ", any idea",
           ", is that possible", ", do you know", ", can you help", ", if i may ask", " i wonder", " in general", " these days"]
PLACE = [" in shimmy", " with shimmy", " on shimmy", " for shimmy", " on my machine", " on linux", " on debian", " on my server",
         " with this server", " in airframe", " locally", " with this tool", " with this program"]
NEAR = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wa es ed rf tg yh uj ik ol p s ad sf dg fh gj hk jl k x zc xv cb vn bm n".replace(" ", " ").split()))


def typo(word, rng):
    i = rng.randrange(len(word) - 1)
    kind = rng.randrange(5)
    if kind == 0:
        return word[:i] + word[i + 1] + word[i] + word[i + 2:]
    if kind == 1:
        return word[:i + 1] + word[i + 2:]
    if kind == 2:
        return word[:i] + word[i] + word[i:]
    if kind == 3 and word[i].lower() in NEAR:
        return word[:i] + rng.choice(NEAR[word[i].lower()]) + word[i + 1:]
    return word[:i] + rng.choice("abcdefghijklmnopqrstuvwxyz") + word[i + 1:]


def vary(text, rng, kind):
    """One way of typing this question. Words with digits, slots (marked \\x01) and signs stay as they are."""
    if kind == "raw":
        return text
    if kind == "echo":  # nothing may stand behind the words to repeat
        return rng.choices([text, text[:1].upper() + text[1:], text.upper(), text + "."], [60, 30, 4, 6])[0]
    first = normal(text).split(" ")[0]
    asks, words = first in ASKING, len(text.split())
    if rng.random() < 0.12:
        a, b = rng.choice(SHORT)
        text = re.sub(r"\b" + re.escape(a) + r"(?![\w'])", b, text)
    if rng.random() < 0.08:
        text = text.replace("'", rng.choice(["", "’"]))
    if rng.random() < 0.07 and words > 3:
        text = re.sub(r"\b(a|the|an|to|do|does|is|of) ", "", text, count=rng.randint(1, 2))
    if kind == "shimmy" and rng.random() < 0.07 and words > 2 and "shimmy" not in text:
        text = text + rng.choice(PLACE)
    chance = rng.random()
    if chance < 0.14 and (words > 2 or kind == "shimmy"):
        text = rng.choice(OPENERS) + text
    elif chance < 0.18 and words > 2:
        text = rng.choice(CONTEXT) + text
    if rng.random() < 0.11 and words > 1:
        text = text + rng.choice(CLOSERS)
    if rng.random() < 0.22:
        parts = text.split(" ")
        able = [i for i, w in enumerate(parts) if len(w) > (3 if len(parts) > 2 else 5) and w.isalpha()]
        for i in rng.sample(able, min(len(able), rng.choice([1, 1, 1, 2]))):
            parts[i] = typo(parts[i], rng)
        text = " ".join(parts)
    style = rng.random()
    if style < 0.42:
        parts = [PROPER.get(w, w) for w in text.split(" ")]
        text = " ".join(parts)
        text = text[:1].upper() + text[1:]
    elif style < 0.50:
        text = text.upper()
    elif style < 0.54:
        text = text.title()
    elif style < 0.62:
        text = text[:1].upper() + text[1:]
    if text and text[-1] not in ".!?:;)" and "\n" not in text:
        if asks:
            text += rng.choices(["?", "", "??", " ?", ".", "?!", "!", "???"], [58, 31, 3, 3, 2, 1, 1, 1])[0]
        else:
            text += rng.choices(["", ".", "?", "!", "..", "?!"], [55, 19, 14, 10, 1, 1])[0]
    return text


# ---- topics and conversations ------------------------------------------------------------------------------------------
