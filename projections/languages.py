"""Which language a text is in, as far as the lexical index must know: whose stop words and stems it has. Pure.

A language is told by its commonest words alone, which costs microseconds; a text without any has none (`""`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

ENGLISH: Final = "english"

_STOP_WORDS: Final = {
    ENGLISH: """
        a about above after again against all am an and any are aren't as at be because been before being below between
        both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each few for from
        further had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers herself him himself
        his how how's i i'd i'll i'm i've if in into is isn't it it's its itself just let's me more most mustn't my
        myself no nor not of off on once only or other ought our ours ourselves out over own same shan't she she'd
        she'll she's should shouldn't so some such than that that's the their theirs them themselves then there there's
        these they they'd they'll they're they've this those through to too under until up us very was wasn't we we'd
        we'll we're we've were weren't what what's when when's where where's which while who who's whom why why's will
        with won't would wouldn't you you'd you'll you're you've your yours yourself yourselves
    """,
    "german": """
        aber als also am an auch auf aus bei beim bin bis bist da damit dann das dass daß dein deine deinem deinen
        deiner dem den denn der des dich die dies diese diesem diesen dieser dieses dir doch du durch ein eine einem
        einen einer eines er es euch euer eure für gegen habe haben hast hat hatte hatten hattest hier hin ich ihm ihn
        ihnen ihr ihre ihrem ihren ihrer im in ins ist ja jetzt kann kannst kein keine keinem keinen keiner man mein
        meine meinem meinen meiner mich mir mit nach nicht noch nun nur ob oder ohne sehr sein seine seinem seinen
        seiner seit sich sie sind so soll sondern um und uns unser unsere vom von vor wann war waren warst warum was
        weil welche welchem welchen welcher welches wem wen wenn wer werde werden wie wieder will wir wird wirst wo
        wurde wurden zu zum zur über
    """,
    "spanish": """
        a al algo como con cuando cuál cuándo cuánto cuántos cómo de del desde donde dónde e el ella ellas ellos en
        entre era eran eres es esa ese eso esta estaba estado están estar este esto estoy está fue fueron fui ha había
        han has hasta hay he la las le les lo los me mi mis mucho muy más ni no nos nosotros nuestra nuestro o os para
        pero por porque que quien quién qué se ser si sin sobre son soy su sus sí también te tengo tiene tu tus tú un
        una uno unos y ya yo él
    """,
    "french": """
        ai ainsi as au aussi aux avec avez avons c'est ce cela ces cet cette comme d'un d'une dans de des du elle elles
        en est et eu fait il ils j'ai je l'a la le les leur leurs lui là ma mais me mes moi mon même n'a n'est ne nos
        notre nous on ont ou où par pas plus pour pourquoi qu'il qu'est quand que quel quelle qui quoi sa sans se ses
        si son sont suis sur ta te tes toi ton tu un une vos votre vous y à ça était étais été être
    """,
    "italian": """
        a ai al alla alle anche avere aveva c'è che chi ci come con cosa cui da dal dalla dei del della delle di dove e
        ed era ero essere fa gli ha hai hanno ho i il in io la le lei lo loro lui ma me mi mia miei mio molto ne nei
        nel nella noi non o per perché più quale quali quando quanto quello questa questo se sei si sia sono sta stata
        stato su sua sul sulla suo ti tu tua tuo tutti tutto un una uno vi voi è
    """,
    "portuguese": """
        a ao aos as até com como da das de dela dele do dos e ela ele eles em entre era essa esse esta estava este
        estou está eu foi fui há isso isto já lhe mais mas me meu meus minha muito na nas nem no nos nossa nosso não o
        onde os ou para pela pelo por porque qual quando que quem se sem ser seu seus sim sou sua são também te tem
        tenho teu tinha tu tua um uma você vocês à é
    """,
    "dutch": """
        aan al als bij ben bent dan dat de deze die dit doen door dus een en er geen had heb hebben heeft het hier hij
        hoe hun iets ik in is ja je jij jou jouw kan maar me mee meer met mij mijn moet na naar niet nog nu of om omdat
        ons onze ook op over te toen tot uit u uw van veel voor waar waarom wanneer want waren was wat we wel welke
        werd wie wij wil worden zal ze zei zich zij zijn zo zou
    """,
    "russian": """
        а без был была были было быть в вам вас весь во вот все всё вы где да для до его ее если есть еще ещё её же за
        и из или им их к как какая какой когда кто ли мне мой моя мы на над не него нее нет ни них но о об он она они
        от очень по под при с сам себя со так там тебе тебя то тоже только ты у уже чем что чтобы это этого этот я
    """,
}

STOP_WORDS: Final = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
LANGUAGES: Final = tuple(STOP_WORDS)

_SPOKEN_IN: Final = {
    word: tuple(language for language in LANGUAGES if word in STOP_WORDS[language])
    for words in STOP_WORDS.values()
    for word in words
}
ENOUGH: Final = 60
"""Words that are looked at: a long text tells its language in its first lines."""


def language_of(words: Sequence[str]) -> str:
    """The language whose commonest words the text has most of, English where it is even; "" where it has none."""
    found = Counter(language for word in words[:ENOUGH] for language in _SPOKEN_IN.get(word, ()))
    most = max(found.values(), default=0)
    return next((language for language in LANGUAGES if found[language] == most), "") if most else ""


def content_words(words: Iterable[str], language: str) -> list[str]:
    """The words that are not the language's stop words (English's, where it is not known)."""
    stop = STOP_WORDS[language or ENGLISH]
    return [word for word in words if word not in stop]
