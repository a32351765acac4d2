"""Words of the panel that says where a number comes from."""

from __future__ import annotations

from typing import Final

ORIGIN: Final[dict[str, dict[str, str]]] = {
    "title": {"en": "Where this number comes from", "ja": "この数値の由来"},
    "close": {"en": "Close", "ja": "閉じる"},
    "shown": {"en": "As shown", "ja": "表示"},
    "value": {"en": "Value", "ja": "値"},
    "id": {"en": "Name", "ja": "名前"},
    "where": {"en": "What it is", "ja": "内容"},
    "formula": {"en": "Formula", "ja": "式"},
    "on_page": {
        "en": "Reckoned for this page from what its chapter reads; the words around it say what it is.",
        "ja": "この章が読む成果物からページのために求めた値です。内容は前後の文をご覧ください。",
    },
    "setting": {"en": "Chosen by a person in assessment.toml, or the default.", "ja": "assessment.toml で人が決めた値、または既定値です。"},
    "products": {"en": "Taken from", "ja": "元の成果物"},
    "chain": {"en": "Chain above it", "ja": "上流の成果物"},
    "raw": {"en": "files of RAW", "ja": "RAW のファイル"},
    "inputs": {"en": "Input files and rows", "ja": "入力ファイルと行"},
    "file": {"en": "File", "ja": "ファイル"},
    "rows": {"en": "Rows", "ja": "行"},
    "whole": {"en": "whole file", "ja": "ファイル全体"},
    "more": {"en": "and {count} more files, named in provenance.json", "ja": "ほか{count}個（provenance.json に記載）"},
    "settings": {"en": "Settings it depends on", "ja": "依存する設定"},
    "code": {"en": "Code (sha256)", "ja": "プログラム（sha256）"},
    "command": {"en": "On the command line", "ja": "コマンド"},
    "ask": {
        "en": "Click a number to see where it comes from; with the keyboard, Tab to the numbers of a part, arrow keys from one to the next, Enter.",
        "ja": "数値をクリックすると由来を表示します。キーボードでは Tab で各部の数値へ移り、矢印キーで選び、Enter を押してください。",
    },
}
"""By key and language."""
