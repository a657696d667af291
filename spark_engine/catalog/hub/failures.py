"""What can go wrong with the hub, in words and codes; the one place where they are."""

from msgspec import Struct

from spark_engine.errors import Conflict, NotAllowed, NotFound, SparkError, Unavailable

LATER = "Check the connection and try again; what was fetched is kept."
_TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504))


class Failed(Struct, frozen=True, tag="failed"):
    """It cannot go on by itself; the fields are those of `errors.SparkError`, `status` is its HTTP status."""

    code: str
    title: str
    message: str
    remedy: str = ""
    status: int = 503


def failed(error: SparkError) -> Failed:
    """An error as a message for another process."""
    return Failed(error.code, error.title, error.message, error.remedy, error.status)


class Interrupted(Exception):
    """Something that may go better the next time. `trouble` is a phrase for people, `error` what it is when it does not
    get better, `retry_after` the seconds that the server asked for, `tries` how often at most it is tried in a row
    (None: as patience allows)."""

    def __init__(
        self,
        trouble: str,
        error: SparkError | None = None,
        *,
        retry_after: float | None = None,
        tries: int | None = None,
    ) -> None:
        super().__init__(trouble)
        self.trouble, self.retry_after, self.tries = trouble, retry_after, tries
        self.error = error or unreachable(trouble)


def unreachable(why: str) -> SparkError:
    """The hub, or a server it sends us to, does not answer."""
    return Unavailable(
        "hub_unreachable", "The model hub cannot be reached", f"The last try failed: {why}.", LATER
    )


def offline() -> SparkError:
    """The user wants nothing fetched."""
    return Conflict(
        "hub_offline",
        "Spark stays offline",
        "The setting hub.offline forbids fetching anything from the network.",
        "Set hub.offline to false to download models.",
    )


def refused_host(where: str, why: str, *, redirected: bool) -> SparkError:
    """A host that nothing is fetched from."""
    what = "The hub sent Spark on to" if redirected else "The hub's address is"
    return Unavailable(
        "hub_redirect_refused" if redirected else "hub_address_refused",
        "An address was refused",
        f"{what} {where}, but {why}.",
        "Check hub.endpoint (or HF_ENDPOINT), and the network's name server and proxy.",
    )


def bad_certificate(host: str, why: str) -> SparkError:
    """Whoever answers cannot prove to be the host."""
    return Unavailable(
        "hub_certificate_refused",
        "The connection is not safe",
        f"The certificate of {host} was not accepted: {why}.",
        "Check the clock; behind a company's proxy, set SSL_CERT_FILE to the file with its certificate.",
    )


def wrong_answer(where: str, what: str) -> SparkError:
    """Something answered that does not speak the hub's protocol, as a hotel's sign-in page does."""
    return Unavailable(
        "hub_answer_wrong",
        "This is not the hub's answer",
        f"{where} answered with {what}.",
        "Check hub.endpoint, and whether this network asks for a sign-in first.",
    )


def unsafe_listing(repository: str, why: str) -> SparkError:
    """A repository that Spark will not fetch from."""
    return Unavailable(
        "repository_unsafe",
        "The repository was refused",
        f"{repository}: {why}.",
        "Choose another repository.",
    )


def transient(status: int) -> bool:
    """Whether a status may be another one later."""
    return status in _TRANSIENT


def refusal(status: int, code: str, repository: str, what: str, *, with_token: bool) -> SparkError:
    """The hub's refusal (4xx or 5xx, with its `X-Error-Code`) of `what` (a file, a revision), as an error."""
    if code in ("RepoNotFound", "RepositoryNotFound") or (status == 404 and not code):
        return _no_repository(repository)
    if code == "RevisionNotFound":
        return NotFound(
            "revision_not_found", "No such revision", f"{repository} has no {what}.", "Use `main`."
        )
    if status == 404:
        return NotFound("hub_file_not_found", "No such file", f"{repository} has no {what}.", "")
    if status == 401 and with_token and code != "GatedRepo":
        return token_refused(repository)
    if status in (401, 403):
        return gated(repository, with_token=with_token)
    if status == 429:
        return Unavailable(
            "hub_busy", "The hub is busy", "It asks for a pause (429).", "Try again in some minutes."
        )
    said = f"It answered {what} of {repository} with status {status}."
    return Unavailable("hub_refused", "The hub refused", said, "Try again later.")


def _no_repository(repository: str) -> SparkError:
    return NotFound(
        "repository_not_found",
        "No such repository",
        f"The hub has no public repository {repository}.",
        "Check its name; for a private repository, save a token of the hub first.",
    )


def gated(repository: str, *, with_token: bool) -> SparkError:
    """Its makers want to know who downloads it."""
    remedy = "accept its terms with the account that the saved token is of, and try again."
    if not with_token:
        remedy = "sign in and accept its terms, make a token that may read, and save it in Spark."
    return NotAllowed(
        "repository_gated",
        "The model asks for your consent",
        f"{repository} is only for accounts that accepted its terms.",
        f"Open the repository's page on the hub, {remedy}",
    )


def token_refused(repository: str) -> SparkError:
    """The saved token is not, or no longer, good."""
    return NotAllowed(
        "hub_token_refused",
        "The hub refused the token",
        f"The saved token does not open {repository}; it may be over, or of another account.",
        "Make a new token on the hub and save it in Spark.",
    )
