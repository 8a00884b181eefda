# A repository from its first commit to a merge, a clone and a repack.
set -u
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_PAGER=cat
git init -q -b main repo; cd repo || exit 1
for i in 1 2 3; do seq $((i * 20)) > file$i; mkdir -p dir; echo "$i" > dir/$i; git add -A; git commit -q -m "commit $i"; done
git log --format='%h %s' --stat; git checkout -q -b side HEAD~1; echo side >> file1; git commit -qam side; git checkout -q main; git merge -q -m merged side; git log --oneline --graph; git status --short; git diff HEAD~1 --stat; git blame file1 | tail -1
echo conflict > dir/1; git commit -qam here; git checkout -q side; echo other > dir/1; git commit -qam there; git merge main 2>&1; git status --short; cat dir/1; git merge --abort; git stash list; echo dirty > file2; git stash -q; git stash pop -q; git diff --stat; git checkout -q -- file2
git tag -a v1 -m tag; git describe; git gc -q; git count-objects -v | head -1; git fsck 2>&1; git cat-file -p HEAD | head -3; cd ..; git clone -q repo copy 2>&1; git -C copy log --oneline | wc -l; git -C copy ls-files; git -C copy rev-parse HEAD; git -C repo archive HEAD | tar -t; git -C repo grep -n side; git -C copy bisect start 2>&1 | head -1; git -C repo rebase -q main 2>&1 | tail -1; git -C repo rebase --abort
