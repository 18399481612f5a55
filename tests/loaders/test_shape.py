"""Every fault of the shape has a place, a code and a hint; what is left has the right shape."""

from __future__ import annotations

from typing import Any

import pytest

from tests.loaders.documents import PROVISION
from trellis.loaders import Reading, read

HEAD = "trellis: 1\nstart: a\n"
LONG = "give it `say`, `ask`, `do`, `all`, `race`, `each`, `use`, `wait`, `emit`, `end`, `set` or `to`"
BODY = "give it `say`, `ask`, `do`, `all`, `race`, `each`, `use`, `wait`, `emit`, `end`, `set` or `nodes`"
NODES = "a graph has nodes, a state schema has states, a catalogue has tools"
NAME = "names are made of letters, digits and _, and do not begin with a digit"
DOTTED = "names are made of letters, digits, _, - and ., and do not begin with a digit"

# Each is a whole document, or where it begins with blanks, what stands below `nodes:`.
SAMPLES: list[tuple[str, str]] = [
    ("hello", "f:1:1: E202 the document: expected map, found string 'hello'"),
    ("- a", "f:1:1: E202 the document: expected map, found list of 1"),
    ("tools: {}", "f:1:1: E203 missing key 'trellis' of a document (write `trellis: 1`)"),
    ("trellis: 1", f"f:1:1: E203 missing key 'nodes' of a document ({NODES})"),
    ("trellis: 1\nfields: {}\ntools: {}", f"f:1:1: E203 missing key 'nodes' of a document ({NODES})"),
    ("trellis: 2\ntools: {}", "f:1:10: E209 'trellis': expected 1, found integer 2 (this is the version of the format, not of the graph)"),
    ("trellis: '1'\ntools: {}", "f:1:10: E202 'trellis': expected 1, found string '1' (this is the version of the format, not of the graph)"),
    ("trellis: 1\nnodes: {a: {say: x, to: b}, b: {say: y}}", "f:1:1: E203 missing key 'start' of a document (name the node that comes first)"),
    ("trellis: 1\nnodes: {}", "f:2:1: E221 'nodes' is an empty map (give it at least one part)"),
    ("trellis: 1\nnodes: []", "f:2:8: E202 'nodes': expected map, found list of 0"),
    ("trellis: 1\nnodes: true", "f:2:8: E202 'nodes': expected map, found boolean true"),
    ("trellis: 1\ntools: {}\ncomponents: {a: {}}", "f:3:1: E201 unknown key 'components' of a document (not available in this version)"),
    ("trellis: 1\ntools: {}\ncomponents: {a: {}}", "f:3:1: E201 unknown key 'components' of a document (not available in this version)"),
    ("trellis: 1\nstates: {}\nschema: x.yaml", f"f:1:1: E203 missing key 'nodes' of a document ({NODES})"),
    # states
    ("trellis: 1\ngroups: {A: [B]}", f"f:1:1: E203 missing key 'nodes' of a document ({NODES})"),
    ("trellis: 1\nstates: [A]", "f:2:9: E202 'states': expected map, found list of 1"),
    ("trellis: 1\nstates:\n  A:", "f:3:3: E202 'A': expected map, found null (write {} for a state without relations)"),
    ("trellis: 1\nstates: {a-b: {}}", f"f:2:10: E208 'a-b' is no name for a state ({NAME})"),
    ("trellis: 1\nstates: {A: {requires: [B]}}", "f:2:14: E201 unknown key 'requires' of a state (did you mean 'require'?)"),
    ("trellis: 1\nstates: {A: {require: B}}", "f:2:23: E202 'require': expected list, found string 'B' (write [B])"),
    ("trellis: 1\nstates: {A: {after: [1]}}", "f:2:22: E202 item 1 of 'after': expected string, found integer 1 (quote it)"),
    ("trellis: 1\nstates: {A: {auto: yes}}", "f:2:20: E202 'auto': expected boolean, found string 'yes'"),
    ("trellis: 1\nstates: {A: {enter_if: [x]}}", "f:2:24: E202 'enter_if': expected an expression, found list of 1 (quote the expression)"),
    ("trellis: 1\nstates: {A: {entered: t}}", "f:2:23: E202 'entered': expected map, found string 't' (write {do: tool})"),
    (
        "trellis: 1\nstates: {A: {entered: {do: t, to: b}}}",
        "f:2:31: E201 unknown key 'to' of a reaction (a state never moves a run; a node does, with upon: {states: …})",
    ),
    ("trellis: 1\nstates: {A: {exited: {do: t, ask: {text: x}}}}", "f:2:30: E206 a reaction does one thing, found 'do' and 'ask'"),
    (
        "trellis: 1\nstates: {A: {exited: {}}}",
        "f:2:14: E206 this reaction does nothing (give it `say`, `ask`, `do`, `all`, `race`, `each`, `use`, `wait`, `emit`, `end` or `set`)",
    ),
    ("trellis: 1\nextends: basic", "f:2:10: E202 'extends': expected list, found string 'basic' (write [basic])"),
    ("trellis: 1\nextends: []", "f:2:1: E221 'extends' is an empty list (give it at least one part)"),
    ("trellis: 1\nstates: {}\ngroups: {G: A}", "f:3:13: E202 'G': expected list, found string 'A' (write [A])"),
    ("trellis: 1\ntools: {}\nnme: x", "f:3:1: E201 unknown key 'nme' of a document (did you mean 'name'?)"),
    ("trellis: 1\ntools: {}\nname: 9x", f"f:3:7: E208 '9x' is no name ({DOTTED})"),
    ("trellis: 1\ntools: {}\nversion: [1]", "f:3:10: E202 'version': expected string, integer or number, found list of 1"),
    # nodes
    ("  a: {say: x, tmeout: 5s}", "f:4:15: E201 unknown key 'tmeout' of a node (did you mean 'timeout'?)"),
    ("  a: {say: x, qqq: 5s}", "f:4:15: E201 unknown key 'qqq' of a node"),
    ("  a: {race: [b]}", "f:4:13: E202 'race': expected map, found list of 1"),
    ("  a: {race: {a b: {say: x}}}", f"f:4:14: E208 'a b' is no name for a branch ({NAME})"),
    ("  a: {race: {b: t}}", "f:4:17: E202 'b': expected map, found string 't'"),
    ("  a: {race: {b: {}}}", f"f:4:14: E206 this body does nothing ({BODY})"),
    ("  a: {race: {b: {do: t, to: c}}}", "f:4:25: E201 unknown key 'to' of a body (a body of one node goes nowhere; write {start: …, nodes: …} for several)"),
    ("  a: {race: {b: {do: t}}, all: {c: {do: t}}}", "f:4:27: E206 a node does one thing, found 'race' and 'all'"),
    ("  a: {race: {b: {race: {c: {do: t}}, wait: {states: [A]}}}}", "f:4:38: E206 a body is one node that does one thing, or `start` and `nodes`, found 'race' and 'wait'"),
    ("  a: {races: {b: {do: t}}}", "f:4:7: E201 unknown key 'races' of a node (did you mean 'race'?)"),
    ("  a: {emit: go}", "f:4:13: E202 'emit': expected map, found string 'go' (write {signal: name, to: \"{{ run }}\"})"),
    ("  a: {emit: {signal: go}}", "f:4:7: E203 missing key 'to' of `emit` (write to: \"{{ run }}\", the id of the other run)"),
    ("  a: {emit: {to: r}}", "f:4:7: E203 missing key 'signal' of `emit` (write signal: name, one that the graph of the other run declares)"),
    ("  a: {emit: {signal: '{{ s }}', to: r}}", "f:4:22: E208 '{{ s }}' is no name (names are made of letters, digits, _, - and ., and do not begin with a digit)"),
    ("  a: {emit: {signal: go, to: 7}}", "f:4:30: E202 'to': expected string, found integer 7 (quote it)"),
    ("  a: {emit: {signal: go, to: r, with: [1]}}", "f:4:39: E202 'with': expected map, found list of 1"),
    ("  a: {emit: {signal: go, to: r, data: {}}}", "f:4:33: E201 unknown key 'data' of `emit` (write with: {key: value})"),
    ("  a: {emit: {signal: go, to: r}, wait: {time: 5s}}", "f:4:34: E206 a node does one thing, found 'emit' and 'wait'"),
    ("  a: {wait: 5s}", "f:4:13: E202 'wait': expected map, found string '5s' (write {time: 2h}, {until: …}, {signal: name}, {if: …} or {states: [State]})"),
    ("  a: {wait: {}}", "f:4:7: E206 this `wait` waits for nothing (give it `states`, `signal`, `time`, `until` or `if`)"),
    ("  a: {wait: {time: 2h, states: [A]}}", "f:4:24: E206 a node waits for one thing, found 'time' and 'states'"),
    ("  a: {wait: {signal: a, until: x, if: y}}", "f:4:25: E206 a node waits for one thing, found 'signal', 'until' and 'if'"),
    ("  a: {wait: {time: 5}}", "f:4:20: E207 'time': expected a duration, found 5: write 5s or 5ms"),
    ("  a: {wait: {time: '{{ x }}'}}", "f:4:20: E207 'time': '{{ x }}' is no duration: write 500ms, 2s, 1h30m or PT1H30M"),
    ("  a: {wait: {until: 7}}", "f:4:21: E202 'until': expected string, found integer 7 (quote it)"),
    ("  a: {wait: {until: {due: 1}}}", "f:4:21: E202 'until': expected string, found map (write a time such as \"2030-01-31T09:30:00Z\", or \"{{ due }}\")"),
    ("  a: {wait: {until: [x]}}", "f:4:21: E202 'until': expected string, found list of 1 (write a time such as \"2030-01-31T09:30:00Z\", or \"{{ due }}\")"),
    ("  a: {wait: {signal: 7}}", "f:4:22: E202 'signal': expected string, found integer 7 (quote it)"),
    ("  a: {wait: {if: [x]}}", "f:4:18: E202 'if': expected an expression, found list of 1 (quote the expression)"),
    ("  a: {wait: {time: 5s, timeout: 1m}}", "f:4:24: E201 unknown key 'timeout' of `wait` (`timeout` stands beside `wait`)"),
    ("  a: {wait: {for: 5s}}", "f:4:14: E201 unknown key 'for' of `wait` (write {time: 2h})"),
    ("  a: {wait: {states: []}}", "f:4:14: E221 'states' is an empty list (give it at least one part)"),
    ("  a: {wait: {states: [A]}, do: t}", "f:4:28: E206 a node does one thing, found 'wait' and 'do'"),
    ("  a: {do: t, upon: {states: b}}", "f:4:29: E202 'states': expected map, found string 'b' (write {State: node})"),
    ("  a: {do: t, upon: {states: {A: [b]}}}", "f:4:33: E202 'A': expected string or map, found list of 1 (write the name of a node, or $end, $fail, $rollback)"),
    ("  a: {do: t, upon: {a b: c}}", f"f:4:21: E208 'a b' is no name for a signal ({DOTTED})"),
    ("  a: {do: t, heartbeat: 5}", "f:4:25: E207 'heartbeat': expected a duration, found 5: write 5s or 5ms"),
    ("  a: {ask: {text: x}, remind: {do: t}, to: $end}", "f:4:23: E203 missing key 'every' of `remind` (say how often, as in every: 8h)"),
    ("  a: {ask: {text: x}, remind: {every: 1h}, to: $end}", "f:4:23: E206 this reminder does nothing (give it `do` or `say`)"),
    ("  a: {ask: {text: x}, remind: {every: 1h, do: t, say: t}, to: $end}", "f:4:50: E206 a reminder does one thing, found 'do' and 'say'"),
    ("  a: {ask: {text: x}, remind: {every: 1h, say: t, with: {a: 1}}, to: $end}", "f:4:23: E203 missing key 'do' of `remind` (`with` goes with `do`)"),
    ("  a: {ask: {approve: x}, escalate: {after: 1h}, to: $end}", "f:4:26: E206 this step does nothing (give it `by`, `do` or `say`)"),
    (
        "  a: {ask: {approve: x}, escalate: [{by: [a]}, {after: 1h, do: t, say: t}], to: $end}",
        ("f:4:37: E203 missing key 'after' of `escalate` (say how long after the question, as in after: 8h)\n"
        "f:4:67: E206 a step calls or says, not both, found 'do' and 'say'"),
    ),
    ("  a: {ask: {approve: x}, escalate: 8h, to: $end}", "f:4:36: E202 'escalate': expected map or list, found string '8h' (write {after: 8h, by: [name]})"),
    ("  a: 7", "f:4:6: E202 'a': expected map, found integer 7"),
    ("  a:", "f:4:3: E202 'a': expected map, found null (write a value, or remove the key)"),
    ("  a: {}", f"f:4:3: E206 this node does nothing ({LONG})"),
    ("  a: {catch: {x: b}}", f"f:4:3: E206 this node does nothing ({LONG})"),
    ("  a: {ask: {text: x}, do: y}", "f:4:23: E206 a node does one thing, found 'ask' and 'do'"),
    ("  a: {end: ok, all: {}, do: y}", "f:4:16: E206 a node does one thing, found 'end', 'all' and 'do'"),
    ("  my-node: {say: x}", f"f:4:3: E208 'my-node' is no name for a node ({NAME})"),
    ("  9: {say: x}", "f:4:3: E110 keys are texts, found integer 9 (quote it)"),
    ("  a: {say: 5}", "f:4:12: E202 'say': expected string, map or list, found integer 5 (quote it)"),
    ("  a: {say: {}}", "f:4:7: E221 'say' is an empty map (give it at least one part)"),
    ("  a: {say: []}", "f:4:7: E221 'say' is an empty list (give it at least one part)"),
    ("  a: {say: {en: [Hi]}}", "f:4:17: E202 'en': expected string, found list of 1"),
    ("  a: {say: {pt_BR: Oi}}", "f:4:13: E208 'pt_BR' is no name for a language (languages are BCP 47 tags such as en or pt-BR)"),
    ("  a: {say: {if: x, say: y}}", "f:4:13: E208 'if' is no name for a language (write a list: say: [{if: …, say: …}])\nf:4:20: E208 'say' is no name for a language (write a list: say: [{if: …, say: …}])"),
    ("  a: {say: [1]}", "f:4:13: E202 item 1 of 'say': expected string or map, found integer 1 (quote it)"),
    ("  a: {say: [{if: x}]}", "f:4:13: E203 missing key 'say' of a part of `say` (give the text: {if: …, say: text})"),
    ("  a: {say: [{en: Hi}]}", "f:4:13: E203 missing key 'say' of a part of `say` (give the text: {if: …, say: text})\nf:4:14: E201 unknown key 'en' of a part of `say` (known keys: if, say)"),
    ("  a: {say: x, to: 5}", "f:4:19: E202 'to': expected string or list, found integer 5 (quote it)"),
    ("  a: {say: x, to: []}", "f:4:15: E221 'to' is an empty list (give it at least one part)"),
    ("  a: {to: [b]}", "f:4:12: E202 item 1 of 'to': expected map, found string 'b' (write {to: node})"),
    ("  a: {to: [{if: x > 2}]}", "f:4:12: E203 missing key 'to' of an edge"),
    ("  a: {to: [{to: b, undo: yes}]}", "f:4:26: E202 'undo': expected boolean, found string 'yes'"),
    ("  a: {say: x, timeout: 20}", "f:4:24: E207 'timeout': expected a duration, found 20: write 20s or 20ms"),
    ("  a: {say: x, timeout: 1.5}", "f:4:24: E207 'timeout': expected a duration, found 1.5: write 1.5s or 1.5ms"),
    ("  a: {say: x, timeout: soon}", "f:4:24: E207 'timeout': 'soon' is no duration: write 500ms, 2s, 1h30m or PT1H30M"),
    ("  a: {say: x, deadline: 5 min}", "f:4:25: E207 'deadline': '5 min' is no duration: write 5m"),
    ("  a: {say: x, deadline: [5s]}", "f:4:25: E202 'deadline': expected string, found list of 1"),
    ("  a: {do: x, catch: {timeout: [y]}}", "f:4:31: E202 'timeout': expected string or map, found list of 1 (write the name of a node, or $end, $fail, $rollback)"),
    (
        "  a: {do: x, catch: {timeout: {do: y, to: b}}}",
        "f:4:39: E201 unknown key 'to' of a body (a body of one node goes nowhere; write {start: …, nodes: …} for several)",
    ),
    ("  a: {do: x, upon: {interrupt: {}}}", f"f:4:21: E206 this body does nothing ({BODY})"),
    ("  a: {say: x, upon: {a b: c}}", f"f:4:22: E208 'a b' is no name for a signal ({DOTTED})"),
    ("  a: {end: okay}", "f:4:12: E209 'end': expected ok, failed or cancelled, found string 'okay' (did you mean 'ok'?)"),
    ("  a: {end: true}", "f:4:12: E202 'end': expected ok, failed, cancelled or map, found boolean true (quote it)"),
    ("  a: {end: {result: x}}", "f:4:7: E203 missing key 'status' of `end`"),
    ("  a: {ask: name}", "f:4:12: E202 'ask': expected map, found string 'name' (write {text: field})"),
    ("  a: {ask: {options: [1]}}", "f:4:7: E206 this question asks for nothing (give it `text`, `choice`, `multi`, `confirm`, `int`, `number`, `date`, `secret`, `form` or `approve`)"),
    ("  a: {ask: {text: x, int: y}}", "f:4:22: E206 a question asks for one thing, found 'text' and 'int'"),
    ("  a: {ask: {form: x}}", "f:4:19: E202 'form': expected list, found string 'x' (write [x])"),
    ("  a: {ask: {form: []}}", "f:4:13: E221 'form' is an empty list (give it at least one part)"),
    ("  a: {ask: {form: [7]}}", "f:4:20: E202 item 1 of 'form': expected string, found integer 7 (quote it)"),
    ("  a: {ask: {form: [a], text: b}}", "f:4:24: E206 a question asks for one thing, found 'form' and 'text'"),
    ("  a: {ask: {approve: x, text: y}}", "f:4:25: E206 a question asks for one thing, found 'approve' and 'text'"),
    ("  a: {ask: {approve: x, by: ana}}", "f:4:29: E202 'by': expected list, found string 'ana' (write [ana])"),
    ("  a: {ask: {approve: x, by: []}}", "f:4:25: E221 'by' is an empty list (give it at least one part)"),
    ("  a: {ask: {approve: x, by: [1]}}", "f:4:30: E202 item 1 of 'by': expected string, found integer 1 (quote it)"),
    ("  a: {ask: {approve: x, quorum: 0}}", "f:4:33: E220 'quorum': expected 1 or more, found 0"),
    ("  a: {ask: {approve: x, quroum: 2}}", "f:4:25: E201 unknown key 'quroum' of `ask` (did you mean 'quorum'?)"),
    ("  a: {ask: {text: x, optoins: [1]}}", "f:4:22: E201 unknown key 'optoins' of `ask` (did you mean 'options'?)"),
    ("  a: {ask: {choice: x, options: []}}", "f:4:24: E221 'options' is an empty list (give it at least one part)"),
    ("  a: {do: [x]}", "f:4:11: E202 'do': expected string or map, found list of 1"),
    ("  a: {do: {tool: '{{ x }}'}}", "f:4:7: E203 missing key 'allow' of `do` (list the tools that the data may choose)"),
    ("  a: {do: {tool: x, allow: [1]}}", "f:4:29: E202 item 1 of 'allow': expected string, found integer 1 (quote it)"),
    ("  a: {do: x, with: [1]}", "f:4:20: E202 'with': expected map, found list of 1"),
    ("  a: {do: x, undo: y}", "f:4:20: E202 'undo': expected map, found string 'y' (write {do: tool})"),
    ("  a: {do: x, undo: {with: {}}}", "f:4:14: E203 missing key 'do' of `undo`"),
    ("  a: {do: x, retry: 3}", "f:4:21: E202 'retry': expected map, found integer 3 (write {max_attempts: 3})"),
    ("  a: {do: x, retry: {max_attempts: -1}}", "f:4:36: E220 'max_attempts': expected 0 or more, found -1"),
    ("  a: {do: x, retry: {max_attempts: 1.5}}", "f:4:36: E202 'max_attempts': expected integer, found number 1.5"),
    ("  a: {do: x, retry: {jitter: 2}}", "f:4:30: E220 'jitter': expected 1 or less, found 2"),
    ("  a: {do: x, retry: {attempts: 2}}", "f:4:22: E201 unknown key 'attempts' of `retry` (did you mean 'max_attempts'?)"),
    ("  a: {do: x, retry: {qqq: 2}}", "f:4:22: E201 unknown key 'qqq' of `retry` (known keys: max_attempts, initial_interval, backoff_coefficient, max_interval, jitter, non_retryable)"),
    ("  a: {set: {add: X}}", "f:4:18: E202 'add': expected list, found string 'X' (write [X])"),
    ("  a: {set: {}}", "f:4:7: E206 this `set` sets nothing (give it `fields`, `add` or `remove`)"),
    ("  a: {set: {x: 1}}", "f:4:13: E201 unknown key 'x' of `set` (known keys: add, remove, fields)"),
    ("  a: {all: {b: {say: x, to: c}}}", "f:4:25: E201 unknown key 'to' of a body (a body of one node goes nowhere; write {start: …, nodes: …} for several)"),
    ("  a: {all: {b: {}}}", f"f:4:13: E206 this body does nothing ({BODY})"),
    ("  a: {all: {b: {start: c}}}", "f:4:13: E203 missing key 'nodes' of a body (`start` goes with `nodes`)"),
    (
        "  a: {all: {b: {nodes: {c: {to: d}, d: {say: x}}}}}",
        "f:4:13: E203 missing key 'start' of a body (name the node that comes first)",
    ),
    (
        "  a: {all: {b: {nodes: {c: {say: x}}, do: y, retry: {}}}}",
        "f:4:39: E206 a body is one node that does one thing, or `start` and `nodes`, found 'nodes', 'do' and 'retry'",
    ),
    ("  a: {each: {as: x, do: y}}", "f:4:7: E203 missing key 'in' of `each` (give it an expression whose value is a list)"),
    ("  a: {each: {in: x, as: 'a b', do: y}}", f"f:4:25: E208 'a b' is no name ({NAME})"),
    ("  a: {each: {in: x}}", f"f:4:7: E206 this `each` does nothing ({BODY})"),
    ("  a: {each: {in: x, max: -1, do: y}}", "f:4:26: E220 'max': expected 0 or more, found -1"),
    ("  a: {all: {b: {say: x}}, join: most}", "f:4:33: E209 'join': expected all, any or collect, found string 'most'"),
    ("  a: {all: {b: {say: x}}, join: {m: 1}}", "f:4:27: E203 missing key 'n' of `join`\nf:4:34: E201 unknown key 'm' of `join` (known keys: n)"),
    ("  a: {say: x, needs: server}", "f:4:22: E202 'needs': expected list, found string 'server' (write [server])"),
    ("  a: {say: x, commit: 1}", "f:4:23: E202 'commit': expected boolean, found integer 1"),
    # expressions that YAML reads as something else
    ("  a: {to: [{if: {x}, to: b}]}", "f:4:17: E202 'if': expected an expression, found map (quote the expression)"),
    ("  a: {to: [{if: [x], to: b}]}", "f:4:17: E202 'if': expected an expression, found list of 1 (quote the expression)"),
    ("  a: {to: [{if: , to: b}]}", "f:4:13: E202 'if': expected an expression, found null (quote the expression)"),
    ("  a: {to: [{if: max(x, y) > 1, to: b}]}", "f:4:24: E201 unknown key 'y) > 1' of an edge (quote the expression)"),
    ("  a: {set: {fields: {n: [1]}}}", "f:4:25: E202 'n': expected an expression, found list of 1 (quote the expression)"),
    ("  a: {set: {fields: {n: max(x, y)}}}", "f:4:32: E201 unknown key 'y)' of a field (quote the expression)"),
    ("  a: {each: {in: [1, 2], do: y}}", "f:4:18: E202 'in': expected an expression, found list of 2 (quote the expression)"),
    # fields, signals, tools, limits
    (HEAD + "nodes: {a: {say: x}}\nfields: {a: string}", "f:4:13: E202 'a': expected map, found string 'string' (write {type: …})"),
    (HEAD + "nodes: {a: {say: x}}\nfields: {a: {}}", "f:4:10: E203 missing key 'type' of a field"),
    (HEAD + "nodes: {a: {say: x}}\nfields: {a: {type: 5}}", "f:4:20: E202 'type': expected string, list or map, found integer 5 (quote it)"),
    (HEAD + "nodes: {a: {say: x}}\nfields: {a: {type: any, defualt: 1}}", "f:4:25: E201 unknown key 'defualt' of a field (did you mean 'default'?)"),
    (HEAD + "nodes: {a: {say: x}}\nfields: {a.b: {type: any}}", f"f:4:10: E208 'a.b' is no name for a field ({NAME})"),
    (
        HEAD + "nodes: {a: {say: x}}\nfields: {a: {type: any, merge: avg}}",
        "f:4:32: E209 'merge': expected sum, append, union, max or last, found string 'avg'",
    ),
    (HEAD + "nodes: {a: {say: x}}\nfields: {a: {type: any, enum: []}}", "f:4:25: E221 'enum' is an empty list (give it at least one part)"),
    (HEAD + "nodes: {a: {say: x}}\nfields: {a: {type: any, check: {value}}}", "f:4:32: E202 'check': expected an expression, found map (quote the expression)"),
    (HEAD + "nodes: {a: {say: x}}\nsignals: {s: }", "f:4:11: E202 's': expected map, found null (write {} where it carries nothing)"),
    (HEAD + "nodes: {a: {say: x}}\nsignals: {s: {buffer: -1}}", "f:4:23: E220 'buffer': expected 0 or more, found -1"),
    (HEAD + "nodes: {a: {say: x}}\nlimits: {steps: 0}", "f:4:17: E220 'steps': expected 1 or more, found 0"),
    ("trellis: 1\ntools: {t: {}}", "f:2:9: E206 this tool names no code (give it `python` or `process`)"),
    ("trellis: 1\ntools: {t: {http: GET x}}", "f:2:13: E201 unknown key 'http' of a tool (not available in this version)"),
    ("trellis: 1\ntools: {t: {python: 'a:b', process: [x]}}", "f:2:28: E206 a tool is one piece of code, found 'python' and 'process'"),
    ("trellis: 1\ntools: {t: {python: a.b}}", "f:2:21: E209 'python': expected module:function, found string 'a.b'"),
    ("trellis: 1\ntools: {t: {process: ./x.sh}}", "f:2:22: E202 'process': expected list, found string './x.sh' (write [./x.sh])"),
    ("trellis: 1\ntools: {t: {process: [a, 5]}}", "f:2:26: E202 item 2 of 'process': expected string, found integer 5 (quote it)"),
    ("trellis: 1\ntools: {t: {process: [a], env: {A-B: x}}}", f"f:2:33: E208 'A-B' is no name for an environment variable ({NAME})"),
    ("trellis: 1\ntools: {t: {process: [a], env: {A: 1}}}", "f:2:36: E202 'A': expected string, found integer 1 (quote it)"),
    ("trellis: 1\ntools: {t: {process: [a], effect: Pure}}", "f:2:35: E209 'effect': expected pure, idempotent, transactional or at_most_once, found string 'Pure' (did you mean 'pure'?)"),
]  # fmt: skip


def whole(text: str) -> str:
    return f"{HEAD}nodes:\n{text}\n" if text.startswith("  ") else text


def reading_of(text: str) -> Reading:
    return read("f", whole(text).encode())


@pytest.mark.parametrize(("text", "problem"), SAMPLES)
def test_a_fault_of_the_shape_is_told_where_it_is(text: str, problem: str) -> None:
    assert "\n".join(map(str, reading_of(text).problems)) == problem


def test_every_key_of_the_format_is_taken() -> None:
    reading = read("f", PROVISION.encode())
    assert reading.problems == ()
    assert reading.pruned == frozenset()
    assert reading.document is not None


ALL_AT_ONCE = """\
trellis: 1
nme: x
fields:
  n: {type: integer, defualt: 3}
nodes:
  a:
    say: 5
    timeout: 20
    to: [{if: {n}, to: b}, {if: n > 2}, {to: b}]
  b: {ask: {text: n, int: n}, do: t, retry: {max_attempts: -1}}
  b: {say: again}
  c-d: {say: x}
  e: 7
  f: {do: t, with: {x: .nan, y: [1, .inf, 2], z: !t 3}}
  g: {all: {x: {say: 1}, y: {say: hi}}}
"""


def test_all_faults_of_a_document_are_told_at_once() -> None:
    assert [str(each).split(" (")[0] for each in read("f", ALL_AT_ONCE.encode()).problems] == [
        "f:1:1: E203 missing key 'start' of a document",
        "f:2:1: E201 unknown key 'nme' of a document",
        "f:4:22: E201 unknown key 'defualt' of a field",
        "f:7:10: E202 'say': expected string, map or list, found integer 5",
        "f:8:14: E207 'timeout': expected a duration, found 20: write 20s or 20ms",
        "f:9:15: E202 'if': expected an expression, found map",
        "f:9:28: E203 missing key 'to' of an edge",
        "f:10:22: E206 a question asks for one thing, found 'text' and 'int'",
        "f:10:31: E206 a node does one thing, found 'ask' and 'do'",
        "f:10:60: E220 'max_attempts': expected 0 or more, found -1",
        "f:11:3: E102 key 'b' is here twice, first at 10:3",
        "f:12:3: E208 'c-d' is no name for a node",
        "f:13:6: E202 'e': expected map, found integer 7",
        "f:14:24: E114 .nan is no JSON number",
        "f:14:37: E114 .inf is no JSON number",
        "f:14:50: E103 tag '!t': values have no tags here",
        "f:15:22: E202 'say': expected string, map or list, found integer 1",
    ]


def test_what_is_left_is_what_has_no_fault() -> None:
    reading = read("f", ALL_AT_ONCE.encode())
    assert reading.document is not None
    assert reading.document.data == {
        "trellis": 1,
        "fields": {"n": {"type": "integer"}},
        "nodes": {
            "a": {"to": [{"to": "b"}, {"to": "b"}]},
            "b": {"ask": {"text": "n"}, "retry": {}},
            "f": {"do": "t", "with": {"y": [1, 2], "z": 3}},
            "g": {"all": {"x": {}, "y": {"say": "hi"}}},
        },
    }


def test_pruned_names_what_was_left_out_as_it_was_in_the_file() -> None:
    assert read("f", ALL_AT_ONCE.encode()).pruned == {
        ("nme",),
        ("fields", "n", "defualt"),
        ("nodes", "a", "say"),
        ("nodes", "a", "timeout"),
        ("nodes", "a", "to", 0, "if"),
        ("nodes", "a", "to", 1),
        ("nodes", "b", "ask", "int"),
        ("nodes", "b", "do"),
        ("nodes", "b", "retry", "max_attempts"),
        ("nodes", "c-d"),
        ("nodes", "e"),
        ("nodes", "f", "with", "x"),
        ("nodes", "f", "with", "y", 1),
        ("nodes", "g", "all", "x", "say"),
    }


def test_places_in_what_is_left_are_those_of_the_file() -> None:
    document = read("f", ALL_AT_ONCE.encode()).document
    assert document is not None
    places = [document.place(("nodes", "a", "to", index, "to")) for index in (0, 1)]
    assert [(each.line, each.column) for each in places] == [(9, 24), (9, 46)]
    place = document.place(("nodes", "f", "with", "y", 1))
    assert (place.line, place.column) == (14, 43)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("  a: {to: [{if: max(x, y) > 1, to: b}]}", {"to": [{"to": "b"}]}),
        ("  a: {set: {fields: {n: max(x, y)}}}", {"set": {"fields": {}}}),
        ("  a: {do: x, undo: {with: {}}}", {"do": "x"}),
        ("  a: {do: x, undo: {do: 5}}", {"do": "x"}),
        ("  a: {say: x, to: [{to: 5}]}", {"say": "x"}),
        ("  a: {say: x, ask: {options: [1]}}", {"say": "x"}),
        ("  a: {do: {tool: x, allow: [1, y]}}", {"do": {"tool": "x", "allow": ["y"]}}),
        ("  a: {say: x, end: okay}", {"say": "x"}),
    ],
)
def test_what_cannot_be_without_a_faulty_part_goes_with_it(text: str, left: Any) -> None:
    document = reading_of(text).document
    assert document is not None
    assert document.data["nodes"]["a"] == left  # type: ignore[index, call-overload]


def test_keys_of_the_author_are_free_at_every_level_and_are_left_out() -> None:
    text = """\
trellis: 1
x-a: {b: [1, {c: null}]}
fields: {x-f: 1, n: {type: any, x-g: []}}
tools: {x-tool: what, t: {python: "a:b", x-h: 1}}
signals: {x-s: 1, s: {x-t: 1, k: string}}
limits: {x-l: 1, steps: 5}
catch: {x-c: 5, "*": $end}
nodes:
  x-n: 7
  a:
    x-i: 1
    ask: {text: n, x-j: 1}
    retry: {x-k: 1}
    to: [{to: $end, x-m: 1}]
"""
    reading = read("f", text.encode())
    assert (reading.problems, reading.pruned) == (
        tuple(each for each in reading.problems if each.code == "E203"),
        frozenset(),
    )
    assert reading.document is not None
    assert reading.document.data == {
        "trellis": 1,
        "fields": {"n": {"type": "any"}},
        "tools": {"t": {"python": "a:b"}},
        "signals": {"s": {"k": "string"}},
        "limits": {"steps": 5},
        "catch": {"*": "$end"},
        "nodes": {"a": {"ask": {"text": "n"}, "retry": {}, "to": [{"to": "$end"}]}},
    }


def test_arguments_and_defaults_keep_keys_that_begin_so() -> None:
    document = reading_of("  a: {do: t, with: {x-y: 1}}").document
    assert document is not None
    assert document.data["nodes"]["a"]["with"] == {"x-y": 1}  # type: ignore[index, call-overload]


def test_a_whole_number_with_a_point_is_an_integer() -> None:
    document = reading_of("  a: {do: t, retry: {max_attempts: 3.0}}").document
    assert document is not None
    attempts = document.data["nodes"]["a"]["retry"]["max_attempts"]  # type: ignore[index, call-overload]
    assert (type(attempts), attempts) == (int, 3)


@pytest.mark.parametrize("literal", ["0", "1.5", "true", "-1", "'a'", "x > 2"])
def test_an_expression_may_be_written_as_a_literal(literal: str) -> None:
    text = f"  a: {{to: [{{if: {literal}, to: a}}], set: {{fields: {{n: {literal}}}}}}}"
    assert reading_of(text).problems == ()


def test_ten_thousand_faults_are_told_and_the_rest_is_not() -> None:
    def told(count: int) -> list[str]:
        text = "  a:\n    say: x\n    catch:\n" + "".join(f"      c{number}: 1\n" for number in range(count))
        return list(map(str, reading_of(text).problems))

    faults = [
        f"f:{number + 7}:{len(str(number)) + 10}: E202 'c{number}': expected string or map, found integer 1 (quote it)"
        for number in range(10_000)
    ]
    assert told(10_000) == faults
    assert told(10_002) == [*faults, "f:10007:15: E117 more than 10,000 faults of shape; the rest is not told"]


def test_long_and_odd_names_are_cut_in_messages() -> None:
    (problem,) = reading_of("  a: {say: x, " + "k" * 900 + ": 1}").problems
    assert problem.message == f"unknown key '{'k' * 39}…' of a node"
    (problem,) = reading_of('  a: {say: x, "k\\nl": 1}').problems
    assert problem.message == "unknown key 'k\\nl' of a node"


LIKE = (
    "do: t, save: a, to: $end",
    "do: t, save: 1a, to: $end",
    "do: t, save: a, to: [{if: x, to: b}, {to: c}]",
    "do: t, save: a, to: [{if: x, to: b}, {to: 'no name'}]",
    "do: t, save: a, to: []",
    "do: t, timeout: 3s",
    "do: t, timeout: 3x",
    "do: t, retry: {max_attempts: 3}",
    "do: t, retry: {max_attempts: -3}",
    "do: t, retry: {max_attempts: 3.0}",
    "do: t, retry: {max_attempts: 3.5}",
    "do: t, say: x, x-mine: 1",
    "do: t, catch: {timeout: b}",
    "do: t, catch: {timeout: 'no name'}",
    "all: {one: {do: t}, two: {do: t}}, join: all",
    "all: {one: {do: t}, two: {do: 3}}, join: all",
    "do: t, ask: {text: a}",
    "ask: {text: a}, remind: {every: 8h, with: {x: 1}, say: Well?}",
    "ask: {text: a}, remind: {every: 8h, do: t, with: {x: 1}}",
    "ask: {text: a}, remind: {every: 8x, do: t, with: {x: 1}}",
    "each: {in: rows, do: t}, join: some",
    "each: {in: rows, do: t}, join: all",
    "save: a",
)


def test_what_is_said_of_a_map_does_not_hang_on_those_like_it() -> None:
    def read(*bodies: str) -> tuple[list[list[str]], list[Any]]:
        nodes = [f"  n{place:02}: {{{body}}}" for place, body in enumerate(bodies)]
        reading = reading_of("\n".join(["trellis: 1", "start: n00", "nodes:", *nodes, ""]))
        told: list[list[str]] = [[] for _ in bodies]
        for problem in reading.problems:
            told[problem.line - 4].append(f"{problem.column} {problem.code} {problem.message} {problem.hint}")
        left: Any = reading.document.data if reading.document is not None else {}
        return told, [left.get("nodes", {}).get(f"n{place:02}") for place in range(len(bodies))]

    alone = {body: read(body) for body in LIKE}
    for first in LIKE:
        every = [body for second in LIKE for body in (first, second)]
        told, left = read(*every)
        assert told == [alone[body][0][0] for body in every]
        assert left == [alone[body][1][0] for body in every]
