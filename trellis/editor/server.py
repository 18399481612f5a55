"""The language server: what the protocol asks, asked of sessions; the only module that knows pygls.

Texts come whole with every change, so no position is needed to keep them. Checks run in a thread, one at a time, after the
author has paused; what they find is told only while the texts are those that were checked.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import lsprotocol.types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from trellis.authoring.fixes import proposed
from trellis.authoring.renaming import Renaming
from trellis.editor.changes import formatting, nameable, renaming, renaming_resolved, resolved_at, texts_before
from trellis.editor.completion import complete
from trellis.editor.hover import hover, problem_said
from trellis.editor.links import Link, definitions, meaning, occurrence_at, references
from trellis.editor.names import Drawn
from trellis.editor.outlines import Symbol, symbols
from trellis.editor.positions import Lines, Units
from trellis.editor.session import Session, extent
from trellis.errors import Unreadable, UsageError
from trellis.errors.words import bracketed
from trellis.model.edits import Edit
from trellis.model.problems import Problem
from trellis.project.files import find_root

PAUSE_S = 0.2
"""So long nothing has to be typed before a document is checked."""
_COMPLETIONS = {
    "field": lsp.CompletionItemKind.Field, "key": lsp.CompletionItemKind.Property, "node": lsp.CompletionItemKind.Reference,
    "tool": lsp.CompletionItemKind.Function, "function": lsp.CompletionItemKind.Function, "signal": lsp.CompletionItemKind.Event,
    "state": lsp.CompletionItemKind.EnumMember, "group": lsp.CompletionItemKind.Enum, "file": lsp.CompletionItemKind.File,
    "value": lsp.CompletionItemKind.Value, "keyword": lsp.CompletionItemKind.Keyword, "argument": lsp.CompletionItemKind.Variable,
    "snippet": lsp.CompletionItemKind.Snippet,
}  # fmt: skip
_SYMBOLS = {
    "field": lsp.SymbolKind.Field, "node": lsp.SymbolKind.Method, "tool": lsp.SymbolKind.Function, "signal": lsp.SymbolKind.Event,
    "state": lsp.SymbolKind.EnumMember, "group": lsp.SymbolKind.Enum, "section": lsp.SymbolKind.Namespace,
}  # fmt: skip
_SEVERITY = {"error": lsp.DiagnosticSeverity.Error, "warning": lsp.DiagnosticSeverity.Warning}


def path_of(uri: str) -> str | None:
    """The path of a file by its URI; None for what is no file."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" and parts.path else None


def uri_of(path: str) -> str:
    """The URI of a file."""
    return "file://" + quote(os.path.abspath(path))


class Refused(JsonRpcException):
    """A request that makes sense and cannot be done; the editor shows the words."""

    CODE = lsp.LSPErrorCodes.RequestFailed
    MESSAGE = "refused"

    def __init__(self, message: str) -> None:
        super().__init__(message=message)


class Server(LanguageServer):
    """One editor. It may have several projects open, each with its session; a file belongs to the project around it."""

    def __init__(self, version: str) -> None:
        super().__init__("trellis", version, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.sessions: dict[str, Session] = {}
        self.uris: dict[str, str] = {}
        """Path -> the URI that the editor calls it by, which may be written in another way than ours."""
        self.task: asyncio.Task[None] | None = None
        self.typed = 0
        """Counts changes: a check that was begun before the last one stops."""

    def session(self, path: str) -> tuple[Session, str]:
        """The session of the project that a file is in, and its name there."""
        root = str(find_root(path))
        session = self.sessions.get(root)
        if session is None:
            session = self.sessions[root] = Session(root)
        name = session.buffers.inside(path)
        assert name is not None
        return session, name

    def drawn(self, uri: str) -> tuple[Session, Drawn] | None:
        """The document at a URI; None where it is none of ours."""
        path = path_of(uri)
        if path is None:
            return None
        session, name = self.session(path)
        found = session.project.document(name)
        return None if found is None or found.kind == "other" else (session, found)

    @property
    def units(self) -> Units:
        """How the editor counts characters, as was agreed."""
        encoding = self.workspace.position_encoding
        return "utf-8" if encoding == "utf-8" else "utf-32" if encoding == "utf-32" else "utf-16"

    def lines(self, text: str) -> Lines:
        """The lines of a text, for positions of this editor."""
        return Lines(text, self.units)

    def range(self, lines: Lines, start: int, end: int) -> lsp.Range:
        """The characters `start` to `end` as a range."""
        return lsp.Range(lsp.Position(*lines.at(start)), lsp.Position(*lines.at(end)))

    def uri(self, session: Session, name: str) -> str:
        """The URI of a document, as the editor writes it where it has it open."""
        path = session.buffers.files.place(name)
        return self.uris.get(path) or uri_of(path)

    def edit(self, lines: Lines, edit: Edit) -> lsp.TextEdit:
        """An edit of the text with these lines, as the protocol has it."""
        return lsp.TextEdit(self.range(lines, edit.start, edit.end), edit.text)

    def soon(self) -> None:
        """Check once nothing is typed any more."""
        self.typed += 1
        if self.task is None or self.task.done():
            self.task = asyncio.get_running_loop().create_task(self._check())

    async def _check(self) -> None:
        while any(session.busy for session in self.sessions.values()):
            before = -1
            while before != self.typed:
                before = self.typed
                await asyncio.sleep(PAUSE_S)
            for session in list(self.sessions.values()):
                if session.busy:
                    news = await asyncio.to_thread(session.check, lambda: self.typed != before)  # noqa: B023
                    self.tell(session, news)

    def tell(self, session: Session, news: dict[str, tuple[Problem, ...]]) -> None:
        """Give the editor the problems of these documents, all at once for each."""
        for name, problems in news.items():
            if session.overtaken(name):
                continue
            uri = self.uri(session, name)
            drawn = session.project.document(name)
            told = [] if drawn is None else [self.diagnostic(drawn, problem) for problem in problems]
            self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, told))

    def diagnostic(self, drawn: Drawn, problem: Problem) -> lsp.Diagnostic:
        """A problem as the protocol has it."""
        lines = self.lines(drawn.text)
        place = self.range(lines, *extent(drawn, lines.of_problem(problem.line, problem.column), problem.message))
        page = page_of(problem.code)
        return lsp.Diagnostic(
            range=place,
            message=problem.message + bracketed(problem.hint),
            severity=_SEVERITY[problem.severity],
            code=problem.code,
            code_description=lsp.CodeDescription(page) if page else None,
            source="trellis",
        )

    def link(self, session: Session, found: Link) -> lsp.Location:
        """A place as the protocol has it."""
        if found.line:
            place = lsp.Position(found.line - 1, 0)
            return lsp.Location(uri_of(found.name), lsp.Range(place, place))
        drawn = session.project.document(found.name)
        lines = self.lines(drawn.text if drawn is not None else "")
        return lsp.Location(self.uri(session, found.name), self.range(lines, found.start, found.end))


def page_of(code: str) -> str:
    """Where the page of a code is on this machine; empty where it has none, or is in an archive."""
    import trellis.pages

    page = Path(trellis.pages.__file__).with_name(f"{code}.md")
    return uri_of(str(page)) if page.is_file() else ""


def made(version: str) -> Server:
    """A server with all that it answers. `start_io` serves stdin and stdout until the editor goes."""
    server = Server(version)

    @server.feature(lsp.INITIALIZED)
    def initialized(ls: Server, _: lsp.InitializedParams) -> None:
        for folder in ls.workspace.folders.values():
            path = path_of(folder.uri)
            if path is not None:
                ls.session(os.path.join(path, "graph.yaml"))[0].look_at_everything()
        _watch_files(ls)
        ls.soon()

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(ls: Server, params: lsp.DidOpenTextDocumentParams) -> None:
        _put(ls, params.text_document.uri, params.text_document.text)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(ls: Server, params: lsp.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        _put(ls, uri, ls.workspace.get_text_document(uri).source)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: Server, params: lsp.DidCloseTextDocumentParams) -> None:
        path = path_of(params.text_document.uri)
        if path is not None:
            session, name = ls.session(path)
            session.drop(name)
            ls.soon()

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(ls: Server, params: lsp.DidSaveTextDocumentParams) -> None:
        _files(ls, [params.text_document.uri])

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def written(ls: Server, params: lsp.DidChangeWatchedFilesParams) -> None:
        _files(ls, [change.uri for change in params.changes])

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=[".", ":", " ", "{", "[", '"', "'", "/"])
    )
    def completion(ls: Server, params: lsp.CompletionParams) -> lsp.CompletionList:
        return _completion(ls, params)

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hovered(ls: Server, params: lsp.HoverParams) -> lsp.Hover | None:
        return _hover(ls, params)

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def definition(ls: Server, params: lsp.DefinitionParams) -> list[lsp.Location]:
        return _links(ls, params, lambda session, drawn, at: definitions(session.project, drawn, at))

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def referred(ls: Server, params: lsp.ReferenceParams) -> list[lsp.Location]:
        whole = params.context.include_declaration
        return _links(ls, params, lambda session, drawn, at: references(session.project, drawn, at, declaration=whole))

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outline(ls: Server, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        found = ls.drawn(params.text_document.uri)
        if found is None:
            return []
        lines = ls.lines(found[1].text)
        return [_symbol(ls, lines, symbol) for symbol in symbols(found[1])]

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix])
    )
    def actions(ls: Server, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        return _actions(ls, params)

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def laid_out(ls: Server, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        found = ls.drawn(params.text_document.uri)
        edit = formatting(found[1].name, found[1].text) if found is not None else None
        return [] if found is None or edit is None else [ls.edit(ls.lines(found[1].text), edit)]

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def may_rename(ls: Server, params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        found = _named(ls, params)
        if found is None:
            return None
        _, drawn, start, end, _ = found
        return lsp.PrepareRenamePlaceholder(ls.range(ls.lines(drawn.text), start, end), drawn.text[start:end])

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def renamed(ls: Server, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        return _rename(ls, params)

    return server


def _put(ls: Server, uri: str, text: str) -> None:
    path = path_of(uri)
    if path is None:
        return
    ls.uris[os.path.abspath(path)] = uri
    session, name = ls.session(path)
    session.put(name, text)
    ls.soon()


def _files(ls: Server, uris: Iterable[str]) -> None:
    from trellis.editor.kept import refresh_schema

    roots: set[str] = set()
    for uri in uris:
        path = path_of(uri)
        if path is not None:
            session, name = ls.session(path)
            session.files_changed([name])
            roots.add(session.buffers.root)
    for root in roots:
        asyncio.get_running_loop().run_in_executor(None, refresh_schema, root)
    ls.soon()


def _watch_files(ls: Server) -> None:
    """Ask to be told of files that others write, where the editor can."""
    about = ls.client_capabilities.workspace
    if (
        about is None
        or about.did_change_watched_files is None
        or not about.did_change_watched_files.dynamic_registration
    ):
        return
    watchers = [lsp.FileSystemWatcher(glob_pattern="**/*.{yaml,yml,md,py}")]
    options = lsp.DidChangeWatchedFilesRegistrationOptions(watchers=watchers)
    registration = lsp.Registration("files", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
    ls.client_register_capability(lsp.RegistrationParams([registration]))


def _completion(ls: Server, params: lsp.CompletionParams) -> lsp.CompletionList:
    path = path_of(params.text_document.uri)
    if path is None:
        return lsp.CompletionList(is_incomplete=False, items=[])
    session, name = ls.session(path)
    try:
        text = session.buffers.get(name).decode("utf-8", "replace")
    except Unreadable:
        return lsp.CompletionList(is_incomplete=False, items=[])
    lines = ls.lines(text)
    offset = lines.offset(params.position.line, params.position.character)
    about = ls.client_capabilities.text_document
    known = about.completion.completion_item if about is not None and about.completion is not None else None
    snippets = known is not None and bool(known.snippet_support)
    items = []
    for place, item in enumerate(complete(session.project, name, text, offset)):
        if item.snippet and not snippets:
            continue
        items.append(
            lsp.CompletionItem(
                label=item.label,
                kind=_COMPLETIONS.get(item.kind),
                detail=item.detail or None,
                documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, item.about) if item.about else None,
                insert_text_format=lsp.InsertTextFormat.Snippet if item.snippet else lsp.InsertTextFormat.PlainText,
                insert_text_mode=lsp.InsertTextMode.AsIs,
                text_edit=lsp.TextEdit(ls.range(lines, item.start, item.end), item.insert),
                filter_text=text[item.start : offset] + item.label if not item.label.isidentifier() else None,
                sort_text=f"{place:04}",
            )
        )
    return lsp.CompletionList(is_incomplete=False, items=items)


def _hover(ls: Server, params: lsp.HoverParams) -> lsp.Hover | None:
    found = ls.drawn(params.text_document.uri)
    if found is None:
        return None
    session, drawn = found
    lines = ls.lines(drawn.text)
    offset = lines.offset(params.position.line, params.position.character)
    about = hover(session.project, drawn, offset)
    said = [about.text] if about is not None else []
    for problem in session.problems(drawn.name):
        start, end = extent(drawn, lines.of_problem(problem.line, problem.column), problem.message)
        if start <= offset <= end:
            said.append(problem_said(problem.code))
    text = "\n\n---\n\n".join(dict.fromkeys(filter(None, said)))
    place = ls.range(lines, about.start, about.end) if about is not None else None
    return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, text), place) if text else None


def _links(
    ls: Server,
    params: lsp.DefinitionParams | lsp.ReferenceParams,
    look: Callable[[Session, Drawn, int], list[Link]],
) -> list[lsp.Location]:
    found = ls.drawn(params.text_document.uri)
    if found is None:
        return []
    session, drawn = found
    offset = ls.lines(drawn.text).offset(params.position.line, params.position.character)
    return [ls.link(session, link) for link in look(session, drawn, offset)]


def _symbol(ls: Server, lines: Lines, symbol: Symbol) -> lsp.DocumentSymbol:
    return lsp.DocumentSymbol(
        name=symbol.name,
        kind=_SYMBOLS[symbol.kind],
        range=ls.range(lines, symbol.start, symbol.end),
        selection_range=ls.range(lines, symbol.name_start, symbol.name_end),
        detail=symbol.detail or None,
        children=[_symbol(ls, lines, below) for below in symbol.below],
    )


def _actions(ls: Server, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
    found = ls.drawn(params.text_document.uri)
    if found is None:
        return []
    session, drawn = found
    lines = ls.lines(drawn.text)
    first = lines.offset(params.range.start.line, params.range.start.character)
    last = lines.offset(params.range.end.line, params.range.end.character)
    actions = []
    for problem in session.problems(drawn.name):
        start, end = extent(drawn, lines.of_problem(problem.line, problem.column), problem.message)
        if end < first or last < start:
            continue
        fix = proposed(problem, drawn.text)
        if fix is not None:
            edits = [ls.edit(lines, edit) for edit in fix.edits]
            actions.append(
                lsp.CodeAction(
                    title=fix.title[:1].upper() + fix.title[1:],
                    kind=lsp.CodeActionKind.QuickFix,
                    diagnostics=[ls.diagnostic(drawn, problem)],
                    edit=lsp.WorkspaceEdit(changes={params.text_document.uri: list(edits)}),
                )
            )
    return actions


def _named(
    ls: Server, params: lsp.PrepareRenameParams | lsp.RenameParams
) -> tuple[Session, Drawn, int, int, Callable[[str], Renaming]] | None:
    """The name under the cursor, where it can be another one: its characters, and what makes it so."""
    found = ls.drawn(params.text_document.uri)
    if found is None:
        return None
    session, drawn = found
    offset = ls.lines(drawn.text).offset(params.position.line, params.position.character)
    occurrence = occurrence_at(drawn, offset)
    meant = meaning(session.project, drawn, occurrence) if occurrence is not None else None
    if occurrence is not None and meant is not None and nameable(meant):
        made = partial(renaming, session, drawn, occurrence, meant)
        return session, drawn, occurrence.start, occurrence.end, made
    resolved = resolved_at(session, drawn, offset)
    if resolved is None:
        return None
    place, known = resolved
    return session, drawn, place.start, place.end, partial(renaming_resolved, session, known)


def _rename(ls: Server, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
    found = _named(ls, params)
    if found is None:
        return None
    session, _, _, _, make = found
    try:
        made = make(params.new_name)
    except UsageError as error:
        raise Refused(str(error)) from error
    about = ls.client_capabilities.workspace
    edits = about.workspace_edit if about is not None else None
    if made.files and (edits is None or lsp.ResourceOperationKind.Rename not in (edits.resource_operations or ())):
        raise Refused(f"this editor renames no files: trellis mv {made.old} {made.new}")
    changes: dict[str, list[lsp.TextEdit]] = {}
    for path, text in texts_before(session, made.texts).items():
        lines = ls.lines(text)
        changes[path] = [ls.edit(lines, edit) for edit in made.edits if edit.path == path]
    if not made.files:
        return lsp.WorkspaceEdit(changes={ls.uri(session, path): told for path, told in changes.items()})
    whole: list[lsp.TextDocumentEdit | lsp.CreateFile | lsp.RenameFile | lsp.DeleteFile] = [
        lsp.TextDocumentEdit(lsp.OptionalVersionedTextDocumentIdentifier(ls.uri(session, path)), list(told))
        for path, told in changes.items()
    ]
    moved = [lsp.RenameFile(ls.uri(session, old), ls.uri(session, new)) for old, new in made.files.items()]
    return lsp.WorkspaceEdit(document_changes=[*whole, *moved])
