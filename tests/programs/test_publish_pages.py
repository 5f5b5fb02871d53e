"""Pages and reports, copied to where others read them."""

import publish_pages


def test_a_page_that_its_round_no_longer_has_is_set_aside(tmp_path):
    """A person would inspect what is not in the batch; another round may have such a page."""

    def publish(second):
        pages = [f"round-01/inspect/minibatch-0{n}.html" for n in (1, 2, 3)]
        pages += [f"round-02/inspect/minibatch-0{n}.html" for n in second]
        for page in pages:
            path = tmp_path / "results" / page
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("page")
        files = [str(tmp_path / "results" / page) for page in pages]
        places = ["--root", str(tmp_path / "results"), "--output-dir", str(tmp_path / "web")]
        publish_pages.main(["--files", *files, *places])
        return pages

    publish((1, 2, 3))
    kept = publish((1, 2))
    found = {str(path.relative_to(tmp_path / "web")) for path in tmp_path.glob("web/**/*.html")}
    assert found == {*kept, "round-02/inspect/stale/minibatch-03.html"}
