"""Text that reads like an instruction to a program instead of a history.

A warning sign only: such text is kept as it is, and every text is data to whoever uses it, flagged
or not. No list of phrases is complete, so nothing may become less careful where the flag is absent.
"""

import re

_PHRASES = (
    # Setting earlier instructions aside.
    r"\b(?:ignore|disregard|forget|override|bypass|ignoriere|vergiss|ignore[zr]|oublie[zr]|ignora)"
    r"\b.{0,60}\b(?:previous|prior|above|earlier|all|any|instructions?|prompts?|rules?|guidelines?|"
    r"findings?|images?|measurements?|anweisung(?:en)?|regeln|consignes?|instrucciones)\b",
    r"(?:忽略|无视|無視|忘记|忽視).{0,20}(?:指令|指示|规则|規則|以上|之前|提示|图像|所有)",
    r"(?:以上|前|これまで)の?(?:指示|命令).{0,10}(?:無視|忘れ)",
    # Speaking to a model, or for one.
    r"\b(?:you are|du bist|tu es)\b.{0,40}\b(?:model|assistant|ai|bot|system)\b",
    r"\b(?:act as|pretend (?:to be|that)|roleplay|jailbreak|developer mode|system prompt|"
    r"new instructions?|end of (?:prompt|context|instructions?))\b",
    r"(?:^|\n) ?(?:system|assistant|user|developer|human|ai) ?[:>]",
    "你现在是|你是一个|扮演",
    # Asking for an answer or a priority.
    r"\b(?:respond|reply|answer|output|print|write|say|report|state)\b.{0,30}"
    r"\b(?:only|exactly|verbatim|as normal|no findings?|instead)\b",
    r"\b(?:do not|don't|never|must not) (?:report|mention|flag|measure|mark|assess|promote)\b",
    r"\b(?:set|change|make|mark|lower|raise|assign)\b.{0,30}"
    r"\b(?:priority|urgen\w+|triage|stat|routine)\b",
    r"\bpriority ?[:=]",
    # Marks of language models, of templates, and of the slots of our own text.
    r"<\|.{0,40}\|>|\[/?inst\]|<</?sys>>|</?(?:s|system|user|assistant|im_start|im_end)>",
    r"#{2,} ?(?:system|instruction)|</?(?:img|txt)cls>|\[e\d{1,3}\]",
    r"\{\{|\}\}|\{%|\$\{|%\(\w+\)s|\{[\w.!:\[\]]{0,40}\}|<\?php|<script|javascript:",
    # Commands.
    r"\b(?:drop table|union select|delete from)\b|;\s?--|\b(?:rm -rf|curl |wget )",
)
_INSTRUCTION = re.compile("|".join(f"(?:{phrase})" for phrase in _PHRASES), re.IGNORECASE)
_TAG_CHARACTERS = re.compile("[\U000e0000-\U000e007f]")


def reads_like_instruction(text: str) -> bool:
    """Tell whether ``text`` speaks to a program; also true of writing hidden in tag characters."""
    return _INSTRUCTION.search(text) is not None or _TAG_CHARACTERS.search(text) is not None
