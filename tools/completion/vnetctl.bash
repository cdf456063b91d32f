# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Completion of vnetctl for bash: `source tools/completion/vnetctl.bash`. Words of the
# language come from the program's own grammar (vnetctl --complete).

_vnetctl() {
	local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} i words=()
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-n|--node|-i|--interval|-c|--count|-t|--timeout) ((i++)) ;;
		-*) ;;
		*) words=("${COMP_WORDS[@]:i:COMP_CWORD-i}"); break ;;
		esac
	done
	case ${COMP_WORDS[COMP_CWORD-1]} in
	-n|--node) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
	-i|--interval|-c|--count|-t|--timeout) return ;;
	esac
	if [[ ${#words[@]} -eq 0 && $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "--node --json --stats --interval --count \
			--timeout --help --version" -- "$word")
		return
	fi
	case ${words[0]} in
	batch|check|diff|apply) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
	expand)
		[ ${#words[@]} -eq 1 ] && mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return ;;
	watch) words=("${words[@]:1}") ;;
	console)
		if [[ ${#words[@]} -gt 1 && ${words[1]} != @(attach|log|exchange) ]]; then
			mapfile -t COMPREPLY < <(compgen -W "serial virtio scrollback since until" \
				-- "$word")
			return
		fi ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$("$program" --complete -- "${words[@]}" \
		2>/dev/null)" -- "$word")
}

complete -F _vnetctl vnetctl build/vnetctl ./build/vnetctl
