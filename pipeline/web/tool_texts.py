"""Words of the tools on a map page in English and Japanese."""

from __future__ import annotations

from typing import Final

from pipeline.web.texts import Text

TOOLS: Final[dict[str, Text]] = {
    "tool_close": {"en": "Close this tool (Escape)", "ja": "ツールを閉じる（Esc）"},
    "tool_polygon": {"en": "Tonnage in a polygon", "ja": "多角形内の資源量"},
    "tool_measure": {"en": "Measure distances", "ja": "距離を測る"},
    "tool_swipe": {"en": "Compare two elements side by side", "ja": "2元素を左右で比較"},
    "tool_search": {"en": "Find a core or a position", "ja": "コア・位置の検索"},
    "tool_screen": {"en": "Full screen", "ja": "全画面表示"},
    "tool_export": {"en": "Download picture or table", "ja": "画像・表のダウンロード"},
    "tool_print": {"en": "Print on one page", "ja": "1ページに印刷"},
    "tool_polygon_how": {
        "en": "Click the corners; double-click or Enter closes the polygon. Backspace takes the last corner back, Escape starts over. "
        "By keyboard: arrow keys move the cross (Shift: finely), Space sets a corner.",
        "ja": "頂点を順にクリックし、ダブルクリックか Enter で閉じます。Backspace で直前の頂点を取り消し、Esc でやり直し。"
        "キーボードでは矢印キーで十字を移動（Shift で微動）、スペースで頂点を置きます。",
    },
    "tool_measure_how": {
        "en": "Click points; double-click or Enter ends the line. Backspace takes the last point back, Escape starts over. "
        "By keyboard: arrow keys move the cross (Shift: finely), Space sets a point.",
        "ja": "点を順にクリックし、ダブルクリックか Enter で終了します。Backspace で直前の点を取り消し、Esc でやり直し。"
        "キーボードでは矢印キーで十字を移動（Shift で微動）、スペースで点を置きます。",
    },
    "tool_edit_how": {
        "en": "Drag a corner to move it, or focus it and use the arrow keys; Delete removes it.",
        "ja": "頂点はドラッグで移動できます。フォーカスして矢印キーで移動、Delete で削除もできます。",
    },
    "tool_vertex": {"en": "Corner {number}: arrow keys move it, Delete removes it", "ja": "頂点{number}：矢印キーで移動、Delete で削除"},
    "tool_cross": {"en": "Cross at {position}", "ja": "十字の位置：{position}"},
    "tool_finish": {"en": "Finish", "ja": "確定"},
    "tool_undo": {"en": "Undo last point", "ja": "1点戻す"},
    "tool_again": {"en": "Draw anew", "ja": "描き直す"},
    "tool_more_polygon": {"en": "A polygon needs three corners or more.", "ja": "多角形には頂点が3つ以上必要です。"},
    "tool_more_line": {"en": "A line needs two points or more.", "ja": "線には点が2つ以上必要です。"},
    "tool_coordinates": {"en": "Type or paste coordinates", "ja": "座標を入力・貼り付け"},
    "tool_coordinates_how": {
        "en": "One corner per line: latitude, longitude (degrees; N, S, E, W and minutes are understood).",
        "ja": "1行に1頂点、「緯度, 経度」の順（度。N・S・E・W や度分秒も可）。",
    },
    "tool_take": {"en": "Draw these", "ja": "この座標で描く"},
    "tool_wrong_line": {"en": "Line {line} is no position: {text}", "ja": "{line}行目を座標として読み取れません：{text}"},
    "tool_area_drawn": {"en": "Polygon, km²", "ja": "多角形 (km²)"},
    "tool_area_inside": {"en": "Estimated part, km²", "ja": "うち推定範囲 (km²)"},
    "tool_no_cutoff": {"en": "no cut-off", "ja": "カットオフなし"},
    "tool_nothing_inside": {"en": "Nothing was estimated inside the polygon.", "ja": "多角形の中に推定したセルがありません。"},
    "tool_crosses": {
        "en": "The polygon crosses itself: what lies inside an even number of loops is not counted.",
        "ja": "多角形が自己交差しています。偶数回囲まれた部分は含めません（偶奇規則）。",
    },
    "tool_approximate": {
        "en": "Approximate: from {count} of {all} realisations on squares of {side} km; edges are followed cell by cell.",
        "ja": "概算：実現値{all}個のうち{count}個を{side} km 四方の区画ごとに集計した値によります。境界はセル単位で追っています。",
    },
    "tool_range": {
        "en": "Each realisation is summed first, percentiles are taken then. Low (P90) is exceeded with 90 % probability, high (P10) with 10 %.",
        "ja": "実現値ごとに合計してから百分位数をとっています。低位 (P90) は 90 %、高位 (P10) は 10 % の確率で上回る値です。",
    },
    "tool_no_squares": {
        "en": "No range: this page does not carry the realisations, which would be too many for it.",
        "ja": "実現値は容量が大きくこのページに含まれていないため、幅を示しません。",
    },
    "tool_kriged_inside": {
        "en": "Kriged blocks over the cut-off, shared out by the cells inside. Smooth estimates: not an unbiased recoverable tonnage.",
        "ja": "カットオフ以上のクリギング推定ブロックを、範囲内のセルで按分した量です。平滑化されているため、偏りのない可採量ではありません。",
    },
    "tool_spoken": {"en": "{unit}: {mean}; low (P90) {low}, high (P10) {high}", "ja": "{unit}：{mean}、低位 (P90) {low}、高位 (P10) {high}"},
    "tool_spoken_kriged": {"en": "{unit}: {mean}, kriged", "ja": "{unit}：{mean}（クリギング）"},
    "tool_total": {"en": "Total: {value}", "ja": "合計：{value}"},
    "tool_leg": {"en": "{from} to {to}", "ja": "{from}～{to}"},
    "tool_measure_note": {
        "en": "Shortest distances on the ellipsoid (WGS 84), along the sea surface.",
        "ja": "準拠楕円体（WGS 84）上の最短距離です。",
    },
    "tool_swipe_at": {"en": "{left} on the left, {right} on the right; divided at {share} %", "ja": "左：{left}、右：{right}、境界の位置 {share} %"},
    "tool_colours": {"en": "own colours: {low}–{high} ppm", "ja": "配色の範囲：{low}–{high} ppm"},
    "tool_not_simulated": {"en": "not simulated", "ja": "シミュレーション対象外"},
    "tool_query": {"en": "Core, or latitude and longitude", "ja": "コア番号、または緯度・経度"},
    "tool_query_how": {
        "en": "Enter opens the first match. Positions: “22.05, 153.8” is latitude, longitude; “153°48′E 22°03′N” works too.",
        "ja": "Enter で先頭の候補を開きます。位置は「22.05, 153.8」（緯度, 経度）または「153°48′E 22°03′N」の形で入力します。",
    },
    "tool_go": {"en": "Go", "ja": "移動"},
    "tool_hits": {"en": "Cores that match", "ja": "一致するコア"},
    "tool_more_hits": {"en": "and {count} more", "ja": "ほか{count}本"},
    "tool_not_found": {"en": "Not found: {text}", "ja": "見つかりません：{text}"},
    "tool_outside_map": {"en": "{position} lies outside this map.", "ja": "{position} はこの地図の範囲外です。"},
    "tool_export_how": {"en": "What is shown now, with its marks.", "ja": "現在の表示内容を、注記とともに保存します。"},
    "tool_png": {"en": "Picture (PNG)", "ja": "画像 (PNG)"},
    "tool_png_how": {"en": "Map, legend, scale, figures and notes, at twice the size.", "ja": "地図・凡例・縮尺・数値・注記（2倍の解像度）。"},
    "tool_tonnage": {"en": "Tonnage (CSV)", "ja": "資源量 (CSV)"},
    "tool_tonnage_how": {
        "en": "This element and region over every cut-off, as in tonnage.csv.",
        "ja": "表示中の元素・対象域の全カットオフ（tonnage.csv と同じ値）。",
    },
    "tool_cells": {"en": "Cells (CSV)", "ja": "セルの値 (CSV)"},
    "tool_cells_how": {"en": "Position and value of every cell of the map shown.", "ja": "表示中の地図の各セルの位置と値。"},
    "tool_cells_how_thinned": {
        "en": "Position and value of every shown cell, each the mean of {factor} × {factor} cells.",
        "ja": "表示セルの位置と値（{factor}×{factor}セルの平均）。",
    },
    "tool_saved": {"en": "Saved as {name}", "ja": "{name} として保存しました"},
    "tool_kind": {"en": "Data: {kind}.", "ja": "データ：{kind}。"},
}
"""By key; words in braces are filled in by the page."""

KINDS: Final[dict[str, Text]] = {
    "measured": {"en": "measured", "ja": "実測"},
    "synthetic": {"en": "synthetic, generated by a computer", "ja": "合成（計算機で作成）"},
    "partly synthetic": {"en": "partly synthetic", "ja": "一部合成"},
}
"""By kind of the data; a page gets its own alone, as ``tool_kind_here``, so that no other is said where it is not due."""
