"""Whatever we use of Flower's and Celery's internals, one test each; they are pinned for these."""

import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import celery
import flower.app
import flower.command
import flower.options
import flower.urls
import flower.utils.broker
import flower.views
import flower.views.broker
import pytest
import tornado.web
from celery import signals
from tornado.template import Loader
from tornado.testing import AsyncHTTPTestCase

ROOT = Path(__file__).parents[2]


class Probe(flower.views.BaseHandler):
    """A page that says who looks at it."""

    @tornado.web.authenticated
    def get(self):
        """Say who."""
        self.write(f"seen by {self.current_user}, with {bool(self.xsrf_token)}")

    def post(self):
        """Say that it was let through."""
        self.write("let through")


@pytest.fixture(name="house")
def _house() -> Iterator[Any]:
    """Give a function that makes a real Flower application and lets it answer one request."""
    options = flower.options.default_options
    kept = {name: getattr(options, name) for name in ("basic_auth", "auth", "url_prefix", "address")}
    settings = dict(flower.urls.settings)
    handlers = list(flower.urls.handlers)
    yield _answer
    flower.urls.handlers[:] = handlers
    flower.urls.settings.clear()
    flower.urls.settings.update(settings)
    for name, value in kept.items():
        setattr(options, name, value)


def _answer(path: str, **how: Any) -> Any:
    """Return what a Flower of the present handlers, settings and options answers."""

    class Case(AsyncHTTPTestCase):
        """Tornado's own way to ask an application in its own loop."""

        def get_app(self) -> flower.app.Flower:
            """Make the application as Flower's command does."""
            return flower.app.Flower(
                capp=celery.Celery("contract", broker="memory://"), options=flower.options.default_options,
                events=object(), io_loop=self.io_loop, **flower.urls.settings,
            )  # fmt: skip

        def runTest(self) -> None:  # noqa: N802 - unittest's name
            """Ask."""

    case = Case()
    case.setUp()
    try:
        return case.fetch(path, **how)
    finally:
        case.tearDown()


def test_the_pin():
    """What is installed is of the line whose internals these tests hold."""
    assert version("flower").startswith("2.2.")
    assert '"flower>=2.2,<2.3"' in (ROOT / "pyproject.toml").read_text("utf-8")


class TestRoutes:
    def test_handlers_are_one_list(self, house: Any):
        """``flower.urls.handlers`` is a list that is read when the application is made."""
        assert flower.app.default_handlers is flower.urls.handlers

        flower.urls.handlers.insert(0, tornado.web.url(r"/probe", Probe, name="probe"))

        assert house("/probe").body == b"seen by True, with True"

    def test_the_last_handler_answers_whatever_is_left(self):
        """The last handler of Flower's takes every path, so that ours must stand before it."""
        last = flower.urls.handlers[-1]

        assert last[0] == r".*"

    @pytest.mark.parametrize("name", ["workers", "tasks", "broker"])
    def test_pages_have_names(self, name: str):
        """Flower's pages are found among the handlers by their names."""
        specs = [spec for spec in flower.urls.handlers if isinstance(spec, tornado.web.URLSpec)]

        assert [spec.name for spec in specs].count(name) == 1

    def test_a_prefix_reaches_every_named_route(self, house: Any):
        """With a prefix every route is under it, ours as well, and keeps its name."""
        flower.urls.handlers.insert(0, tornado.web.url(r"/probe/([0-9]+)", Probe, name="probe"))
        rewritten = flower.app.rewrite_handler(flower.urls.handlers[0], "ops")

        assert (rewritten.regex.pattern, rewritten.name) == ("/ops/probe/([0-9]+)$", "probe")


class TestTemplates:
    def test_a_loader_of_ours_is_asked(self, house: Any):
        """``template_loader`` among Flower's settings takes the place of Tornado's own."""
        asked = []

        class Asked(Loader):
            def load(self, name: str, parent_path: str | None = None) -> Any:
                asked.append(name)
                return super().load(name, parent_path)

        flower.urls.settings["template_loader"] = Asked(flower.urls.settings["template_path"])

        assert house("/tasks").code == 200
        assert {"tasks.html", "base.html", "navbar.html"} <= set(asked)

    def test_where_the_tabs_end(self):
        """The first list in Flower's navigation is that of its tabs, and Broker is its last."""
        text = (Path(flower.urls.settings["template_path"]) / "navbar.html").read_text("utf-8")
        before, _, after = text.partition("</ul>")

        assert before.count("<ul") == 1
        assert before.index("reverse_url('tasks')") < before.index("reverse_url('broker')")
        assert "nav-link" not in before[before.index(">Broker</a>") :]
        assert "theme-toggle" in after

    @pytest.mark.parametrize("block", ["title", "navbar", "container"])
    def test_blocks_of_the_base(self, block: str):
        """Flower's base has the blocks that our pages fill."""
        text = (Path(flower.urls.settings["template_path"]) / "base.html").read_text("utf-8")

        assert f"{{% block {block} %}}" in text

    @pytest.mark.parametrize(
        "name", ["page-section", "page-header", "page-eyebrow", "page-description", "detail-card", "detail-list", "detail-row", "detail-code"]
    )  # fmt: skip
    def test_styles(self, name: str):
        """Flower's own styles, which our pages wear, are there."""
        text = (Path(flower.urls.settings["static_path"]) / "css" / "flower.css").read_text("utf-8")

        assert f".{name} {{" in text


class TestHandlers:
    def test_a_login_is_asked_for(self, house: Any):
        """A handler on Flower's base lets in who logs in, and nobody else."""
        flower.urls.handlers.insert(0, tornado.web.url(r"/probe", Probe))
        flower.options.default_options.basic_auth = ["ann:secret"]

        codes = [
            house("/probe", **how).code for how in ({}, {"auth_username": "ann", "auth_password": "secret"})
        ]

        assert codes == [401, 200]

    def test_basic_auth_names_nobody(self, house: Any):
        """With basic authentication the current user is only *True*: the name stands in the header."""
        flower.urls.handlers.insert(0, tornado.web.url(r"/probe", Probe))
        flower.options.default_options.basic_auth = ["ann:secret"]

        assert house("/probe", auth_username="ann", auth_password="secret").body.startswith(b"seen by True")

    def test_flower_lets_forms_through_without_a_login(self, house: Any):
        """Without a login Flower checks no form; were that mended, ours need not be stricter."""
        flower.urls.handlers.insert(0, tornado.web.url(r"/probe", Probe))

        answer = house("/probe", method="POST", body="", headers={"Sec-Fetch-Site": "cross-site"})

        assert answer.body == b"let through"

    def test_the_check_of_forms_may_be_overridden(self, house: Any):
        """Tornado asks ``check_xsrf_cookie`` before every POST, because Flower's settings say so."""
        assert flower.urls.settings["xsrf_cookies"] is True

        class Strict(Probe):
            def check_xsrf_cookie(self) -> None:
                raise tornado.web.HTTPError(403, "as we say")

        flower.urls.handlers.insert(0, tornado.web.url(r"/probe", Strict))

        answer = house("/probe", method="POST", body="")

        assert answer.code == 403
        assert b"as we say" in answer.body

    def test_default_headers_may_be_added(self):
        """``set_default_headers`` of Flower's base takes no arguments, and is called by ours."""
        assert list(inspect.signature(flower.views.BaseHandler.set_default_headers).parameters) == ["self"]

    def test_a_page_may_say_what_is_wrong(self):
        """``write_error`` of Flower's base is Tornado's, and renders a template for 403 and 404."""
        text = inspect.getsource(flower.views.BaseHandler.write_error)

        assert "status_code in (404, 403)" in text
        assert "_current_user" in text

    def test_the_executor(self):
        """Flower's application makes an executor the default of its loop, where Postgres is waited for."""
        assert "set_default_executor(self.executor)" in inspect.getsource(flower.app.Flower.__init__)


class TestBroker:
    def test_the_broker_page_asks_for_names(self):
        """The broker page shows the queues that ``get_active_queue_names`` names, rendered as *queues*."""
        assert "get_active_queue_names()" in inspect.getsource(flower.views.broker.BrokerView.get)
        assert "queues=queues" in inspect.getsource(flower.views.broker.BrokerView.get)
        assert "get_active_queue_names" in vars(flower.views.BaseHandler)

    def test_names_get_the_prefix(self):
        """A name is looked up in Redis under the broker's prefix, as a plain list."""
        broker = flower.utils.broker.Redis(
            "redis://127.0.0.1/0", broker_options={"global_keyprefix": "sync:"}
        )

        assert broker.broker_prefix + broker._q_for_pri("live.dead", 0) == "sync:live.dead"


class TestOptions:
    @pytest.mark.parametrize(
        "name", ["address", "unix_socket", "auth", "basic_auth", "read_only", "url_prefix"]
    )
    def test_options_we_read(self, name: str):
        """Each option that we read exists."""
        assert hasattr(flower.options.default_options, name)

    def test_flower_listens_everywhere_by_default(self):
        """Flower's own default is every address; were that mended, ours would not be needed."""
        assert flower.options.default_options._options["address"].default == ""

    def test_what_is_set_is_the_default_of_what_is_given(self, house: Any):
        """An option that is set before the command line is read yields to what is given there."""
        options = flower.options.default_options
        options.address = "127.0.0.1"
        flower.command.apply_options("flower", ["--port=5555"])
        quiet = options.address
        flower.command.apply_options("flower", ["--address=0.0.0.0"])

        assert (quiet, options.address) == ("127.0.0.1", "0.0.0.0")

    def test_modules_are_imported_between_options_and_listening(self):
        """Flower imports the application's modules while it is made, and is made before it listens."""
        making = inspect.getsource(flower.app.Flower.__init__)
        command = inspect.getsource(flower.command.flower.callback)

        assert "loader.import_default_modules()" in making
        assert (
            command.index("apply_options(")
            < command.index("Flower(capp")
            < command.index("start_http_server")
        )

    def test_a_signal_is_sent_then(self):
        """Celery says so by a signal, and whoever hears it may end the process."""
        app, heard = celery.Celery("contract", broker="memory://"), []

        def hear(sender: Any, **_: Any) -> None:
            heard.append(sender)
            raise SystemExit(2)

        signals.import_modules.connect(hear, weak=False)
        try:
            with pytest.raises(SystemExit):
                app.loader.import_default_modules()
        finally:
            signals.import_modules.disconnect(hear)

        assert heard == [app]


class TestPreload:
    def test_a_preload_option_reaches_flower_and_nobody_sees_it(self, tmp_path: Path):
        """Celery gives an application's preload options to Flower's command, and calls them before it."""
        (tmp_path / "probing.py").write_text(
            "import sys, click\nfrom celery import Celery\napp = Celery('probing', broker='memory://')\n"
            "def heard(context, _, value):\n    print('chosen', context.info_name)\n    sys.exit(7)\n"
            "app.user_options['preload'].add(click.Option(['--probe'], is_flag=True, hidden=True,"
            " expose_value=False, callback=heard))\n",
            "utf-8",
        )
        ask = [sys.executable, "-m", "celery", "-A", "probing", "flower"]

        done = subprocess.run([*ask], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        help_ = subprocess.run(
            [*ask, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

        assert (done.returncode, done.stdout) == (7, "chosen flower\n"), done.stderr
        assert "--probe" not in help_.stdout
