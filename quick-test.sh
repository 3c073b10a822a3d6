#!/bin/sh
# Boots Dunlin and lets it check itself: ./quick-test.sh --help
set -u
cd "$(dirname "$0")" || exit 2

case ${1-} in
-h | --help)
	cat <<'HELP'
usage: ./quick-test.sh [OPTION...]

Builds what is not built yet, boots it in QEMU and runs bcheck in it: 23 checks of what
programs rely on. Shows their results, how long a name and a page took over the network, and how
many MSI-X interrupts that took. Names and pages come from this machine: no Internet is needed.

The options are those of tools/run, such as --debug, --gic 3, --mem 128M or
--kernel build/linux/Image.

Exit status: 0 if every check passed; 1 if one failed, or was skipped for want of a network, or no
MSI-X interrupt came; 2 if it could not be built or an option is wrong.
HELP
	exit
	;;
esac

if [ -z "${PEER_DNS-}" ]; then
	make=all
	for word in "$@"; do
		[ "$word" != --debug ] || make='all debug'
	done
	# One word or two of our own: not quoted.
	make -s $make || exit 2
	exec tools/peer ./quick-test.sh "$@"
fi

# bcheck's status and the interrupts come behind its results, which tell all that they need: the lines
# are read as they come.
tools/run --timeout 300 "$@" --exec "
	bcheck --plain --dns $PEER_DNS --name $PEER_NAME --url $PEER_URL
	grep MSI /proc/interrupts
	echo ended" | awk '
	function row(word, name, text) {
		printf "  %s  %-16s %s\n", word, name, text
		fflush()
	}
	/^(not )?ok / {
		failed = $1 == "not"
		if (failed)
			sub(/^not /, "")
		count[failed ? "failed" : /# SKIP/ ? "skipped" : "passed"]++
		text = $0
		if (!sub(/.*# SKIP /, "", text)) {
			sub(/.*time=/, "", text)
			text = sprintf("%9.3f ms", text)
		}
		row(failed ? "FAIL" : /# SKIP/ ? "SKIP" : "PASS", $4, text)
		next
	}
	/^1\.\./ { planned = substr($0, 4) }
	/^  (---|\.\.\.|message:|output:)/ || /^(TAP version|1\.\.)/ { next }
	/^# dns_resolve: / { sub(/^[^:]*: /, ""); dns = $0; next }
	/^# http_fetch: / { sub(/^[^:]*: /, ""); http = $0; next }
	/^# [0-9]+ passed/ { total = $0; sub(/.* in /, "", total); next }
	/^# / { print substr($0, 3); next }
	/^ *[0-9]+:.*MSI/ {
		for (i = 2; $i ~ /^[0-9]+$/; i++)
			interrupts += $i
		next
	}
	/^ended$/ { ended = 1; next }
	{ print "      " $0 }
	END {
		if (!ended) {
			print "quick-test.sh: the guest did not come to the end" >"/dev/stderr"
			exit planned ? 1 : 2
		}
		printf "\n"
		printf "DNS    %s\n", dns ? dns : "no answer"
		printf "HTTP   %s\n", http ? http : "no page"
		printf "MSI-X  %d interrupts\n", interrupts
		printf "%d checks: %d passed, %d failed, %d skipped in %s\n", planned,
			count["passed"], count["failed"], count["skipped"], total
		exit !(count["passed"] == planned && interrupts > 0)
	}'
