# tmux: a server on a socket here, a pane with a shell, keys sent to it and what it shows.
unset TMUX; tmux="tmux -S socket -f /dev/null"
$tmux new-session -d -x 40 -y 8 -s one 'PS1="> " exec sh'; sleep .5; $tmux send-keys -t one 'echo in a pane; stty size; tty > /dev/null && echo a terminal' Enter
n=0; until $tmux capture-pane -p -t one | grep -q '^a terminal' || [ $n -gt 200 ]; do sleep .1; n=$((n + 1)); done; $tmux capture-pane -p -t one | grep -v '^$'
$tmux split-window -h -t one 'echo right; exec sleep 100'; $tmux list-panes -t one -F '#{pane_index} #{pane_width}x#{pane_height}'; $tmux resize-pane -t one.0 -x 10; $tmux list-panes -t one -F '#{pane_width}'; $tmux new-window -t one 'sleep 100'; $tmux list-windows -t one -F '#{window_index} #{window_active}'; $tmux set-buffer hello; $tmux show-buffer; echo; $tmux rename-session -t one two; $tmux ls -F '#{session_name} #{session_windows}'; $tmux kill-server; sleep .3; $tmux ls 2>&1 | sed "s/ on .*//;s/(.*//"; echo done
