#!/bin/sh
# accuracy.sh: write docs/accuracy.md from what the sources say is not modelled.
set -eu
cd "$(dirname "$0")/.."
{
	cat << 'END'
# What is not modelled

Collected by `docs/accuracy.sh` (`make docs`) from the opening comments of the sources; change it there.

In general: instructions take no cycles of their own (time is counted in instructions), the
prefetch queue is not visible, and there are no caches. What the manuals leave undefined comes from
the host's processor. [architecture.md](architecture.md) says how the rest is checked.

| part | not modelled |
|---|---|
END
	find cpu mmu devices -name '*.c' | LC_ALL=C sort | while read -r f; do
		# The opening comment as one line per paragraph; the sentence from "Not modelled" on.
		missing=$(awk '
			NR == 1 && !/^\/\*/ { exit }
			{ line = $0; last = line ~ /\*\//
			  sub(/ ?\*\/.*/, "", line); sub(/^\/?\*+ ?/, "", line); sub(/^ \* ?/, "", line)
			  if (line ~ /^ *$/) text = text "\n"; else text = text " " line
			  if (last) exit }
			END { n = index(text, "Not modelled: ")
			  if (n) { text = substr(text, n + 14); sub(/\n.*/, "", text); gsub(/  +/, " ", text); print text } }
		' "$f")
		if [ -n "$missing" ]; then
			printf '| [%s](../%s) | %s |\n' "$(basename "$f" .c)" "$f" "$missing"
		fi
	done
} > docs/accuracy.md
