# farebox.bash: completes farebox; made by `farebox completion bash`.
_farebox()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local i noun='' verb='' words=''

	COMPREPLY=()
	case $prev in
	--config)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	--dir|--to|--work)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return ;;
	--label|--scope|--budget|--expires|--grace|--note|--limit|--before|--format|--key|--model|--plan|--rpm|--tpm|--tps|--concurrency)
		return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--config|--label|--scope|--budget|--expires|--grace|--note|--limit|--before|--dir|--work|--to|--format|--key|--model|--plan|--rpm|--tpm|--tps|--concurrency)
			((i++)) ;;
		-*) ;;
		*)
			if [[ -z $noun ]]; then
				noun=${COMP_WORDS[i]}
			elif [[ -z $verb ]]; then
				verb=${COMP_WORDS[i]}
			fi ;;
		esac
	done
	case $noun/$verb in
	/) words='account plan key pepper credit model provider usage ledger config store routes errors options doctor completion help --version' ;;
	account/) words='create list show suspend resume plan' ;;
	account/create) words=' --json --plan' ;;
	account/list) words=' --json' ;;
	account/show) words=' --json' ;;
	account/suspend) words=' --json' ;;
	account/resume) words=' --json' ;;
	account/plan) words=' --json' ;;
	plan/) words='list' ;;
	plan/list) words=' --json' ;;
	key/) words='new list show disable enable revoke rotate expire allow limits' ;;
	key/new) words=' --json --label --scope --budget --expires --force --rpm --tpm --tps --concurrency' ;;
	key/list) words=' --json' ;;
	key/show) words=' --json' ;;
	key/disable) words=' --json' ;;
	key/enable) words=' --json' ;;
	key/revoke) words=' --json' ;;
	key/rotate) words=' --json --grace' ;;
	key/expire) words=' --json' ;;
	key/allow) words=' --json --clear' ;;
	key/limits) words=' --json --rpm --tpm --tps --concurrency' ;;
	pepper/) words='list rotate drop' ;;
	pepper/list) words=' --json' ;;
	pepper/rotate) words=' --json' ;;
	pepper/drop) words=' --json --force' ;;
	credit/) words='add adjust history' ;;
	credit/add) words=' --json --note' ;;
	credit/adjust) words=' --json --note' ;;
	credit/history) words=' --json --limit' ;;
	model/) words='list routes' ;;
	model/list) words=' --json' ;;
	model/routes) words=' --json' ;;
	provider/) words='list open close reset' ;;
	provider/list) words=' --json' ;;
	provider/open) words=' --json' ;;
	provider/close) words=' --json' ;;
	provider/reset) words=' --json' ;;
	usage/) words='list' ;;
	usage/list) words=' --json --limit --before' ;;
	ledger/) words='check' ;;
	ledger/check) words=' --json' ;;
	config/) words='check sample' ;;
	config/check) words=' --json' ;;
	config/sample) words='' ;;
	store/) words='init check backup restore export import recover' ;;
	store/init) words=' --json --dir' ;;
	store/check) words=' --json --dir --work' ;;
	store/backup) words=' --json --dir --with-pepper' ;;
	store/restore) words=' --json --to' ;;
	store/export) words=' --dir --work --format --keep-hashes' ;;
	store/import) words=' --json --dir' ;;
	store/recover) words=' --json --force --dir' ;;
	routes/*) words=' --json' ;;
	errors/*) words=' --json' ;;
	options/*) words=' --json' ;;
	doctor/*) words=' --json --key --model' ;;
	completion/) words='bash' ;;
	completion/bash) words='' ;;
	help/*) words='account plan key pepper credit model provider usage ledger config store routes errors options doctor completion help' ;;
	esac
	words+=' --config --quiet --help'
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _farebox farebox
