# quickstart-server.sh: the ports, the web server's configuration, the keeper
# of the processes of contrib/quickstart, which reads this file.
# shellcheck shell=bash disable=SC2154

readonly FIRST_PORT=8080 PORTS_TRIED=200 LIGHT_WORKERS=2
readonly START_SECONDS=90 STOP_SECONDS=30

# Processes.

# A process that is no zombie.
is_running() {
	[ -n "$1" ] && kill -0 "$1" 2>/dev/null &&
		! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

is_gone() {
	! is_running "$1"
}

# The command line of a process that a keeper started names a file in DIR.
is_ours() {
	is_running "$1" && grep -q -F "$state/" "/proc/$1/cmdline"
}

stop_pid() {
	kill "$1" 2>/dev/null || :
	wait_for $STOP_SECONDS is_gone "$1" || kill -9 "$1" 2>/dev/null || :
}

# What a keeper that was killed with SIGKILL has left.
stop_leftovers() {
	local pid
	[ -e "$state/pids" ] || return 0
	while read -r pid; do
		if is_ours "$pid"; then
			say "stopping process $pid, which was left over"
			stop_pid "$pid"
		fi
	done <"$state/pids"
	rm -f "$state/pids"
	drop_run_directory
}

# The ports.

is_free() {
	! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# free_port_from FIRST [PROMISED]: the next free port but for that one.
free_port_from() {
	local candidate
	for ((candidate = $1; candidate < $1 + PORTS_TRIED; candidate++)); do
		if [ "$candidate" != "${2-}" ] && is_free "$candidate"; then
			echo "$candidate"
			return
		fi
	done
	fail "no port from $1 on is free" "name one with --port"
}

pick_ports() {
	local demo_port
	local section='/^\[provider demo\]/,/^\[model/' host=http://127.0.0.1
	local conf=$state/farebox.conf
	if [ -n "$port_named" ]; then
		is_free "$port" || fail "port $port is in use" \
			"name another with --port, or none to get a free one"
	else
		port=$(free_port_from "${port:-$FIRST_PORT}")
	fi
	uses_demo || return 0
	demo_port=$(sed -n "$section{s|^base_url = $host:\([0-9]*\)/v1$|\1|p}" \
		"$conf")
	[ -n "$demo_port" ] ||
		fail "the demo's base_url in $conf is not $host:PORT/v1" \
			"correct it, or remove the file to have it made anew"
	upstream_port=$(free_port_from "$demo_port" "$port")
	sed -i "$section{s|^\(base_url =\).*|\1 $host:$upstream_port/v1|}" \
		"$conf"
}

# The web server.

# Apache's workers are another user when root starts it, and a socket's path
# must be short: then a directory for the sockets is made elsewhere.
pick_run_directory() {
	web_user=
	run=$state/run
	drop_run_directory
	if [ "$(id -u)" = 0 ] && [ "$server" = apache ]; then
		web_user=$(id -un www-data 2>/dev/null ||
			id -un apache 2>/dev/null || echo nobody)
	fi
	if [ -n "$web_user" ] || [ ${#run} -gt 80 ]; then
		run=$(mktemp -d /tmp/farebox-run.XXXXXX)
		ln -s "$run" "$state/run"
	fi
	mkdir -p "$run" "$state/uploads"
	[ -z "$web_user" ] || chmod 711 "$run"
	rm -rf "$run/errors"
	cp -r "$tree/contrib/errors" "$run/errors"
	chmod -R a+rX "$run/errors"
}

drop_run_directory() {
	local target
	target=$(readlink "$state/run" || :)
	case $target in
	/tmp/farebox-run.*) rm -rf "$target" ;;
	esac
	rm -rf "$state/run"
}

apache_modules() {
	local candidate
	for candidate in /usr/lib/apache2/modules /usr/lib64/httpd/modules \
		/usr/lib/httpd/modules /usr/libexec/apache2; do
		if [ -e "$candidate/mod_proxy_fcgi.so" ]; then
			echo "$candidate"
			return
		fi
	done
	fail "Apache's mod_proxy_fcgi was not found" \
		"install it, or use --server lighttpd"
}

web_program() {
	if [ "$server" = apache ]; then
		command -v apache2 || command -v httpd
	else
		command -v lighttpd
	fi || fail "$server was not found" \
		"as root, type: contrib/install-deps $server"
}

write_web_config() {
	local modules='' user=''
	if [ "$server" = apache ]; then
		modules=$(apache_modules)
		[ -z "$web_user" ] ||
			user="User $web_user\\nGroup $(id -gn "$web_user")"
	fi
	sed -e "s|@PORT@|$port|g" -e "s|@DIR@|$state|g" \
		-e "s|@ERRORS@|$run/errors|g" -e "s|@CONTRIB@|$tree/contrib|g" \
		-e "s|@PROGRAM@|$program|g" -e "s|@SOCKET@|$run/socket|g" \
		-e "s|@CONFIG@|$state/farebox.conf|g" -e "s|@MODE@|sockets|g" \
		-e "s|@MODULES@|$modules|g" -e "s|@USER@|$user|g" \
		"$tree/contrib/$server/standalone.conf.in" >"$state/web.conf"
}

# Keeping it running. The keeper starts the processes, each in a session of its
# own so that Ctrl-C reaches only us, and stops them all when one ends or when
# it is asked to.

# launch NAME COMMAND...: a process of the keeper, with a log of its own.
launch() {
	local log=$state/$1.log
	shift
	setsid "$@" </dev/null >>"$log" 2>&1 9>&- &
	started+=("$!")
	echo "$!" >>"$state/pids"
}

# is_there_or_ended FILE: the file that the last launched process makes.
is_there_or_ended() {
	[ -e "$1" ] || is_gone "${started[-1]}"
}

launch_all() {
	local web
	web=$(web_program)
	rm -f "$state/upstream.port"
	if uses_demo; then
		launch upstream "$tree/contrib/demo-upstream" \
			--port "$upstream_port" \
			--port-file "$state/upstream.port"
		wait_for $START_SECONDS is_there_or_ended "$state/upstream.port"
	fi
	launch pool "$program" --config "$state/farebox.conf" \
		--workers "$workers" --light $LIGHT_WORKERS \
		--socket "$run/socket" \
		${web_user:+--socket-group "$(id -gn "$web_user")"}
	wait_for $START_SECONDS is_there_or_ended "$run/socket-light"
	if [ "$server" = apache ]; then
		launch web "$web" -d "$state" -f "$state/web.conf" -DFOREGROUND
	else
		launch web "$web" -D -f "$state/web.conf"
	fi
}

stop_started() {
	local i
	trap '' HUP INT TERM
	for ((i = ${#started[@]} - 1; i >= 0; i--)); do
		stop_pid "${started[i]}"
	done
	rm -f "$state/pids"
	drop_run_directory
}

keep() {
	trap '' HUP INT
	trap 'stop_started; exit 0' TERM
	started=()
	launch_all || :
	wait -n "${started[@]}" || :
	stop_started
	exit 1
}

start_keeper() {
	: >"$state/pids"
	: >"$state/web.log"
	: >"$state/pool.log"
	: >"$state/upstream.log"
	keep </dev/null >"$state/quickstart.log" 2>&1 &
	keeper=$!
	cat >"$state/quickstart.env" <<END
FAREBOX_BASE_URL=http://127.0.0.1:$port/v1
FAREBOX_KEY=$key
FAREBOX_CONFIG=$state/farebox.conf
FAREBOX_PID=$keeper
END
}

stop_keeper() {
	if is_running "$keeper"; then
		kill "$keeper"
		wait "$keeper" || :
	fi
}

# Only our own gateway knows the key: somebody else may have got the port.
answers_or_ended() {
	is_gone "$keeper" || [ "$(ask GET /v1/models)" = 200 ]
}

port_was_taken() {
	grep -q -i -e 'address already in use' "$state/web.log" \
		"$state/upstream.log"
}

# The ends of the logs as one file; prints its name.
all_logs() {
	tail -n 6 "$state/upstream.log" "$state/pool.log" "$state/web.log" \
		>"$state/quickstart.log"
	echo "$state/quickstart.log"
}

# Somebody may take a port between our look and the server's: then the next.
start() {
	port_named=$port
	for _ in 1 2 3 4 5 6 7 8; do
		pick_ports
		pick_run_directory
		write_web_config
		start_keeper
		trap 'stop_keeper; exit 130' INT
		trap 'stop_keeper; exit 143' HUP TERM
		trap stop_keeper EXIT
		wait_for $START_SECONDS answers_or_ended || break
		if is_running "$keeper"; then
			return
		fi
		[ -z "$port_named" ] || break
		port_was_taken || break
		port=$((port + 1))
	done
	fail "the gateway did not come up on port $port" \
		"mend what the log says, then run this again" "$(all_logs)"
}
