#!/bin/sh
# lint.sh: formatting, words that do not belong into finished code, static analysis.
# A tool that is not installed is named and left out.
set -u
cd "$(dirname "$0")/../.." || exit 70
bad=0

fail() {
	echo "lint: $*"
	bad=1
}
# forbid WHY PATTERN FILES...: no line may match.
forbid() {
	why=$1 pattern=$2
	shift 2
	hits=$(grep -nE "$pattern" "$@" /dev/null) || return 0
	fail "$why:"
	echo "$hits" | head -n 20
}

c_files=$(find base mmu cpu jit devices frontend tests -name '*.[ch]' 2>/dev/null | sort)
code=$(find base mmu cpu jit devices frontend -name '*.[ch]' 2>/dev/null | sort)
scripts=$(find .ci tests roms bios devices -name '*.sh' | grep -v /cache/; echo .ci/run)

clang_format=$(command -v clang-format-14 || command -v clang-format)
if [ -n "$clang_format" ]; then
	# shellcheck disable=SC2086
	"$clang_format" --dry-run -Werror $c_files || fail "formatting; clang-format -i mends it"
else
	echo "lint: skipped: formatting (no clang-format)"
fi

# shellcheck disable=SC2086
{
	forbid "unfinished" '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b' $c_files $scripts
	forbid "a comment that apologises" '/[*/].*\b(for now|temporarily|quick fix)\b' $code
	# x87 in helpers of translated code would destroy the guest's registers, which live there.
	forbid "long double outside the FPU files" '\blong double\b|[0-9]L\b.*/\* *x87' \
		$(echo "$code" | grep -vE '^cpu/(fpu|op_x87|op_mmx)|^cpu/host')
	forbid "the host's clock or randomness in a chip" '\b(clock_gettime|gettimeofday|time\(NULL\)|rand\(|random\(|getrandom)' \
		$(echo "$code" | grep -E '^(mmu|cpu|devices/(chipset|storage|video|input|serial|sound|net|virtio))/')
	forbid "a chip ends the program" '\b_?exit\(' \
		$(echo "$code" | grep -E '^devices/(chipset|storage|video|input|serial|sound|net|virtio)/')
	forbid "a line of over 100 columns" '^.{101,}' $c_files
}

# No mutable data in the objects: two machines fit in one process. (The process has one terminal,
# and one handler of each signal.)
if [ -e build/libbygone.a ]; then
	mutable=$(objdump -t build/libbygone.a 2> /dev/null | awk '
		/file format/ { file = $1 }
		file ~ /^(terminal_(rescue|screen)|faults)\.o/ { next }
		NF > 5 { section = $(NF - 2); name = $NF }
		NF > 5 && section ~ /^\.(data|bss)$|^\*COM\*$/ && $(NF - 1) !~ /^0+$/ { print "  " file " " name }')
	[ -n "$mutable" ] && fail "mutable variables of a whole file or function:" && echo "$mutable"
fi

if command -v cppcheck > /dev/null; then
	cppcheck --quiet -j "$(nproc)" --enable=warning,portability --inline-suppr --error-exitcode=1 \
		--std=c11 -I. --suppressions-list=tests/support/cppcheck.txt \
		base mmu cpu $(ls -d jit 2> /dev/null) devices frontend || fail "cppcheck"
else
	echo "lint: skipped: static analysis (no cppcheck)"
fi

for s in $scripts; do sh -n "$s" || fail "$s"; done

[ $bad = 0 ] && echo "lint: nothing found"
exit $bad
