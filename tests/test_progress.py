from pipeline import progress


def test_bar_passes_lines_and_the_exit_code(monkeypatch, capsys):
    monkeypatch.setattr(progress, "steps_of", lambda _command: 2)
    code = progress.run_with_bar(["sh", "-c", "echo 'grade  grade_dy.tif  1.0 s'; echo '  note: [bold]x'; exit 3"])
    said = capsys.readouterr().out
    assert code == 3
    assert "grade  grade_dy.tif  1.0 s" in said
    assert "note: [bold]x" in said


def test_steps_are_counted_from_makes_plan(tmp_path):
    (tmp_path / "Makefile").write_text("all: a b\na b:\n\t@python -m pipeline grade --out $@\n", encoding="utf-8")
    assert progress.steps_of(["make", "-C", str(tmp_path), "all"]) == 2


def test_a_pipe_is_no_terminal():
    assert not progress.on_a_terminal()


def test_what_is_counted_passes_on_and_is_told_below_a_bar_only(monkeypatch, capsys):
    assert list(progress.counted(iter("ab"), 2, "tiles")) == ["a", "b"]
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("SEABED_REE_WATCHED", "1")
    assert list(progress.counted(iter("ab"), 2, "tiles")) == ["a", "b"]
    assert capsys.readouterr().out == "counted: tiles 1/2\ncounted: tiles 2/2\n"


def test_what_a_stage_counts_is_no_line_of_the_build(monkeypatch, capfd):
    monkeypatch.setattr(progress, "steps_of", lambda _command: 1)
    assert progress.run_with_bar(["sh", "-c", 'echo "counted: tiles 1/$SEABED_REE_WATCHED"; echo done']) == 0
    out = capfd.readouterr().out
    assert "done" in out
    assert "counted" not in out
