# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Completion of tools/lab for bash: `source tools/completion/lab.bash`. Nodes, guests
# and wires are those of the labs whose state is in build/lab, or where --dir says.

# _lab_names LAB-PROGRAM KEY DIRECTORY: names under "machines" (with their guests) or "wires".
_lab_names() {
	/usr/bin/python3 - "$@" <<-'PYTHON' 2>/dev/null
	import glob, json, os, sys
	program, key, directory = sys.argv[1:4]
	root = os.path.dirname(os.path.dirname(os.path.realpath(program)))
	for path in glob.glob(os.path.join(directory or os.path.join(root, "build/lab/*"), "state.json")):
	    with open(path, encoding="utf-8") as f:
	        for name, thing in json.load(f).get(key, {}).items():
	            print(name)
	            if key == "machines":
	                for guest in thing.get("guests", {}):
	                    print(f"{name}/{guest}")
	PYTHON
}

_lab() {
	local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]}
	local command='' directory='' place=0 i names
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--dir) directory=${COMP_WORDS[++i]} ;;
		--timeout|--image|--guest-dir) ((i++)) ;;
		-*) ;;
		*) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else ((place++)); fi ;;
		esac
	done
	case ${COMP_WORDS[COMP_CWORD-1]} in
	--dir|--guest-dir) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
	--image) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
	--timeout) return ;;
	esac
	case $command in
	'')	names='up sh ctl console wire status down --dir --help' ;;
	up)	if [[ $word != -* ]]; then
			mapfile -t COMPREPLY < <(compgen -f -X '!*.lab' -- "$word"; compgen -d -S / -- "$word")
			compopt -o nospace
			return
		fi
		names='--image --guest-dir --no-guests --quiet --timeout --dir --help' ;;
	sh|console|ctl)
		[ "$place" = 0 ] || return
		names=$(_lab_names "$program" machines "$directory")
		[ "$command" != ctl ] || names=$(printf '%s\n' "$names" | grep -v /)
		[[ $word != -* ]] || names='--timeout --dir --help' ;;
	wire)	[ "$place" = 0 ] || { mapfile -t COMPREPLY < <(compgen -f -- "$word"); return; }
		names=$(_lab_names "$program" wires "$directory") ;;
	*)	names='--dir --help' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$names" -- "$word")
}

complete -F _lab tools/lab ./tools/lab lab
