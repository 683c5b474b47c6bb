"""The report stands alone, says everything, and says what is missing."""

from __future__ import annotations

import base64
import re
import subprocess
from html.parser import HTMLParser

import pandas as pd
import pytest

from neuralmusic import jobs
from neuralmusic.claims import judge
from neuralmusic.describe import describe
from neuralmusic.files import write_csv, write_text, writing
from neuralmusic.jobs import ATTENTION, EVENTS, FIGURES, GRAMMAR, PIANOROLL, TABLES
from neuralmusic.page import cell, duration, inline, number
from neuralmusic.provenance import commit
from neuralmusic.rejected import kind_of_reason
from neuralmusic.report import figure_title, report, tables_of
from neuralmusic.tables import tabulate
from tests.constructed import EXPERIMENTS, MODELS, params, together
from tests.whole import write_benchmark, write_data, write_whole

DATASET = EXPERIMENTS["monophonic"][0]
VOID = {"meta", "img", "br", "link", "hr"}


class Page(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded, self.links, self.ids, self.open, self.words = [], [], [], [], []
        self.tags: set[str] = set()
        self.feed(html)
        assert not self.open, f"never closed: {self.open}"
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.add(tag)
        self.loaded += [
            attributes[name] for name in ("src", "srcset", "data") if name in attributes
        ]
        self.loaded += [attributes["href"]] if tag == "link" else []
        self.links += [attributes["href"]] if tag == "a" else []
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)


def plain(text):
    """The words alone, without marks and markup."""
    return " ".join(re.sub(r"[†≠*`|]", " ", text).split())


def image_of(name):
    """Bytes in the place of a figure's, which the page only embeds."""
    return b"\x89PNG" + name.encode()


def job(models=MODELS):
    resolved = {
        "seed": 2021,
        "datasets": {DATASET: {"source": "folder", "path": "<i>here</i>", "time": "beats"}},
        "experiments": {"monophonic": {"training": {"epochs": 30}}},
    }
    experiments = together(*(params(models, experiment=name) for name in EXPERIMENTS))
    return experiments | {"resolved": resolved}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Everything that a run leaves."""
    home = tmp_path_factory.mktemp("report")
    results = home / "results"
    for experiment, (dataset, *_) in EXPERIMENTS.items():
        write_whole(results, experiment=experiment, ranked=True)
        write_data(home / "data", dataset)
        folders = [home / "data" / kind / dataset for kind in ("raw", "notes", "splits")]
        of_dataset = {"dataset": dataset, "time": "beats", "representations": []}
        describe(of_dataset, *folders, results / "datasets" / dataset, workers=1)
    for name in TABLES:
        of = jobs.experiments_of(name, job())
        tabulate(name, {"experiments": {e: job()["experiments"][e] for e in of}}, results)
    judge(job(), results)
    for name in FIGURES:
        with writing(results / "figures" / f"{name}.png", binary=True) as file:
            file.write(image_of(name))
    write_benchmark(home / "logs", "train", "monophonic.basic", "100.5", "512.25")
    write_benchmark(home / "logs", "train", "monophonic.attn", "3600", "700")
    write_benchmark(home / "logs", "train", "monophonic.removed", "7777", "7777")
    write_benchmark(home / "logs", "fetch", DATASET, "0.31", "-")
    write_benchmark(home / "logs", "report", "report", "5", "100")
    return home


def made(home, parameters=None, out=None):
    out = out or home / "results" / "report"
    report(parameters or job(), home / "results", home / "data", home / "logs", out)
    return (out / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(whole):
    return Page(made(whole))


def of_dataset(home, name=DATASET):
    """The page of a dataset, which is written with the first one."""
    path = home / "results" / "report" / "datasets" / f"{name}.html"
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dataset_page(whole, page):
    return of_dataset(whole)


def test_nothing_is_loaded_from_elsewhere(whole, page, dataset_page):
    for each in (page, dataset_page):
        assert all(address.startswith("data:image/png;base64,") for address in each.loaded)
        assert not {"script", "link", "iframe", "object"} & each.tags
    html = made(whole)
    assert "url(" not in html
    assert "@import" not in html


def test_links_lead_somewhere(whole, page):
    inside = [link for link in page.links if link.startswith("#")]
    assert inside
    assert {link[1:] for link in inside} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    files = [link for link in page.links if not link.startswith("#")]
    datasets = [link for link in files if link.startswith("datasets/")]
    assert len(datasets) == len(EXPERIMENTS) + 2  # and in the contents each of the two
    files.remove("measures.html")
    assert len(files) - len(datasets) == 2 * (len(MODELS) + 1) * len(EXPERIMENTS)
    assert "../samples/monophonic/attn/0001.mid" in files
    assert all(
        (whole / "results" / "report" / link).is_file() for link in [*files, "measures.html"]
    )


def test_every_figure_is_in_the_page(page):
    embedded = [base64.b64decode(address.partition(",")[2]) for address in page.loaded]
    in_order = [name for e in EXPERIMENTS for name, (_, of) in FIGURES.items() if of == e]
    assert embedded == [image_of(name) for name in in_order]
    assert set(in_order) == set(FIGURES) <= set(page.ids)
    for title in (
        "Figure 5.2 (monophonic): Loss over training.",
        f"Figure 5.9 ({EVENTS}): Distances between pieces, and errors by pitch.",
        f"Figure 5.9 ({PIANOROLL}): Distances between pieces, and errors by pitch.",
        f"Notes never turned off, by age ({GRAMMAR}).",
    ):
        assert title in page.text


def test_figures_have_the_number_of_their_name():
    assert figure_title("figure_5_10_events", "e", "T") == "Figure 5.10 (e): T"
    assert figure_title("figure_5_2", "e", "T") == "Figure 5.2 (e): T"
    assert figure_title("loss_events", "e", "T") == "T (e)"


def test_tables_of_an_experiment_are_those_with_a_page_of_it():
    own = job()["experiments"]
    of_all = ["measures", "heldout_nll", "sample_character", "training"]
    assert tables_of(EVENTS, own[EVENTS]) == [*of_all, "table_5_4", "table_5_5", "table_5_6"]
    assert tables_of(GRAMMAR, own[GRAMMAR]) == ["measures", "sample_character", "grammar"]
    assert tables_of("later", {}) == of_all


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_in_the_page(whole, page, name):
    lines = (whole / "results" / "tables" / f"{name}.md").read_text(encoding="utf-8").splitlines()
    text = plain(page.text)
    rows = [line for line in lines if line.startswith("|") and "---" not in line]
    assert len(rows) > len(MODELS)
    for row in rows:
        assert plain(row) in text
    for line in lines:
        if not line.startswith("|"):
            assert plain(line.removeprefix("- ").removeprefix("# ")) in text


def test_every_verdict_is_in_the_page(whole, page):
    claims = pd.read_csv(whole / "results" / "claims.csv")
    for column in ("claim", "statistic", "verdict", "numbers"):
        for text in claims[column]:
            assert " ".join(text.split()) in page.text
    assert page.text.count("thesis §") == len(claims)


def test_summary_is_made_from_the_numbers(whole, page):
    table = pd.read_csv(whole / "results" / "tables" / "heldout_nll.csv")
    units = {"monophonic": "step", EVENTS: "event", PIANOROLL: "frame", ATTENTION: "event"}
    assert set(table["experiment"]) == set(units)
    for experiment, rows in table.groupby("experiment"):
        best = rows.loc[rows["value"].idxmin()]
        told = f"best: {best['value']:.3f} nats per {units[experiment]}"
        assert f"{experiment} experiment, {best['model']} predicts held-out pieces {told}" in (
            page.text
        )
        assert f"95 % interval {best['ci_low']:.3f} to {best['ci_high']:.3f}" in page.text
    assert f"The {GRAMMAR} experiment samples the models of {EVENTS}." in page.text
    held = (pd.read_csv(whole / "results" / "claims.csv")["verdict"] == "held").sum()
    assert f"claims of the thesis {held} held" in page.text


def test_datasets_are_told_and_lead_to_their_pages(page):
    told = "10 pieces (7 train, 1 valid, 2 test), 0.2 hours and 1,200 notes"
    rejected = "5 of 15 files were rejected (33.3 %)."
    assert page.text.count(f"{told}; {rejected} What this dataset is") == len(EXPERIMENTS)
    assert "tunes: The user's own MIDI files." in page.text


def test_a_dataset_has_a_page_with_all_that_is_known_of_it(whole, dataset_page):
    text = dataset_page.text
    assert "The dataset tunes title The user's own MIDI files where" in text
    assert "licence that of the files citation that of the files experiments monophonic" in text
    assert "pieces 7 (70.0 %) 1 (10.0 %) 2 (20.0 %) 10 (100 %)" in text
    assert "notes at once 2.00 2.00 2.00 2.00" in text
    assert "Times are those of the score" in text
    png = (whole / "results" / "datasets" / DATASET / "description.png").read_bytes()
    assert base64.b64decode(dataset_page.loaded[0].partition(",")[2]) == png
    assert "5 of 15 files were rejected (33.3 %):" in text
    assert "the same notes as another piece 2 a.mid" in text
    assert "no readable MIDI file 2 <b>e.mid" in text
    assert "bytes, over the limit of … 1 g.mid" in text
    assert "g.mid 21000000 bytes, over the limit of 20000000" in text
    assert dataset_page.links == ["../index.html", "../index.html#monophonic"]


def test_a_dataset_of_several_experiments_has_one_page(whole, page):
    links = of_dataset(whole, "chorales").links
    assert links[1:] == [f"../index.html#{e}" for e in EXPERIMENTS if e != "monophonic"]
    assert {link[len("../index.html#") :] for link in links[1:]} <= set(page.ids)


def test_the_list_of_rejected_files_is_cut_where_it_is_long(tmp_path):
    write_data(tmp_path / "data", DATASET)
    many = pd.DataFrame({"file": [f"{i}.mid" for i in range(1500)], "reason": "no notes"})
    write_csv(tmp_path / "data" / "notes" / DATASET / "rejected.csv", many)
    made(tmp_path)
    text = of_dataset(tmp_path).text
    assert "1,500 files were rejected: reason files such as no notes 1,500 0.mid" in text
    assert "The first 200 of 1,500 files." in text
    assert "199.mid no notes" in text
    assert "200.mid" not in text


def test_experiment_without_training_says_whose_models_it_samples(page):
    assert f"trains no models: it samples those of {EVENTS}" in page.text
    assert page.text.count("trains no models") == 1
    assert not re.search(r"(Table|Figure) \S+ is not there", page.text)


def test_text_is_escaped(whole, page, dataset_page):
    assert "<script>alert('x')</script>" in dataset_page.text
    assert "<b>e.mid" in dataset_page.text
    assert "path: <i>here</i>" in page.text
    claims = pd.read_csv(whole / "results" / "claims.csv")
    try:
        write_csv(whole / "results" / "claims.csv", claims.assign(numbers="<img src=x> & `a`"))
        html = made(whole)
    finally:
        write_csv(whole / "results" / "claims.csv", claims)
    assert "<img src=x>" not in html
    assert "&lt;img src=x&gt; &amp; `a`" in html


def test_times_are_summed_by_step(page):
    assert "fetch 1 0.3 s 0.3 s" in page.text
    assert "train 2 1 h 01 min 1 h 00 min 700" in page.text
    assert "all 3 1 h 01 min" in page.text
    assert "train monophonic.basic 1 min 40 s" in page.text
    assert "removed" not in page.text
    assert "report 1" not in page.text


def test_run_is_described(page):
    for name in ("Python", "torch", "numpy", "snakemake", "Machine", "Commit", "cores"):
        assert name in page.text
    assert "epochs: 30" in page.text


def test_missing_parts_are_told(tmp_path):
    page = Page(made(tmp_path))
    for name in [*TABLES, *FIGURES]:
        assert name in page.text
    assert "There is no held-out loss of the monophonic experiment." in page.text
    assert "The claims have not been judged" in page.text
    assert "There are no benchmark files" in page.text
    assert "there is no summary.csv" in page.text
    of_its_own = of_dataset(tmp_path).text
    assert "The dataset has not been described" in of_its_own
    assert "The figure of the dataset is not there." in of_its_own
    assert "there is no rejected.csv" in of_its_own
    assert "none: there are no samples of this model" in page.text
    assert page.loaded == []


def test_unknown_experiment_and_no_dataset_are_no_errors(tmp_path):
    own = {"experiments": {"later": {"models": ["x"], "pieces": 2, "sample_seconds": 5}}}
    assert "The later experiment" in Page(made(tmp_path, own)).text


def test_claims_of_experiments_that_were_not_run_are_shown(tmp_path):
    row = {"experiment": "polyphonic", "section": "5.4", "claim": "Later.", "verdict": "undecided"}
    row |= {"statistic": "s", "estimate": None, "ci_low": None, "ci_high": None, "numbers": ""}
    write_csv(tmp_path / "results" / "claims.csv", pd.DataFrame([row]))
    page = Page(made(tmp_path))
    assert "Claims of other experiments" in page.text
    assert "Later." in page.text


def test_unreadable_benchmarks_are_passed_over(tmp_path):
    write_text(tmp_path / "logs" / "train" / "monophonic.basic.tsv", "")
    write_text(tmp_path / "logs" / "train" / "monophonic.attn.tsv", "s\n1\n")
    assert "There are no benchmark files" in Page(made(tmp_path)).text


def git(folder, *arguments):
    names = ["-c", "user.name=test", "-c", "user.email=test"]
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


def test_commit_and_its_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path / "results") == "unknown"
    git(tmp_path, "init", "-q")
    assert commit(tmp_path / "results") == "unknown"
    write_text(tmp_path / "code.py", "1\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    clean = commit(tmp_path / "results")
    assert len(clean) == 40
    write_text(tmp_path / "results" / "table.csv", "1\n")
    assert commit(tmp_path / "results") == clean
    write_text(tmp_path / "code.py", "2\n")
    assert commit(tmp_path / "results") == f"{clean} + uncommitted changes"


def test_cells():
    assert cell("0.5") == "0.5"
    assert cell("") == ""
    assert cell("**0.5 [0.4, 0.6]**") == (
        '<strong>0.5</strong><sup></sup> <span class="ci">[0.4, 0.6]</span>'
    )
    assert cell("0.5 [0.4, 0.6] †") == '0.5<sup>†</sup> <span class="ci">[0.4, 0.6]</span>'
    assert cell("<b>") == "&lt;b&gt;"
    assert inline("`a<b` and **c**") == "<code>a&lt;b</code> and <strong>c</strong>"


def test_numbers_and_times_in_words():
    assert [number(v) for v in (0.0312345, -1.0, 1234.5, float("nan"))] == [
        "0.0312",
        "-1",
        "1230",
        "",
    ]
    assert [duration(s) for s in (0.26, 59.6, 61, 3725, float("nan"))] == [
        "0.3 s",
        "1 min 00 s",
        "1 min 01 s",
        "1 h 02 min",
        "not measured",
    ]


def test_kinds_of_reasons():
    assert kind_of_reason("not readable (a as b: c)") == "not readable"
    assert kind_of_reason("lasts 13 hours, over the limit of 12") == (
        "lasts … hours, over the limit of …"
    )
    assert kind_of_reason("KeyError: 'a'") == "an error of the reading library (KeyError)"
    assert kind_of_reason(float("nan")) == "no reason given"
