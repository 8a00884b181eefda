pragma journal_mode=wal; create table t(id integer primary key, name text, v real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) insert into t select i, 'name ' || (i % 37), i * 1.5 from n;
create index by_name on t(name); begin; update t set v = v + 1 where id % 3 = 0; delete from t where id > 1900; commit; begin; delete from t; rollback;
select count(*), sum(v), min(name), max(name) from t; select name, count(*) from t group by name order by 2 desc, 1 limit 5; explain query plan select * from t where name = 'name 3';
select json_extract('{"a":[1,2,{"b":"c"}]}', '$.a[2].b'), printf('%.3f', 1.0 / 3), hex(zeroblob(3)), date(0, 'unixepoch'), upper('abc') like 'A%'; pragma integrity_check; pragma wal_checkpoint(truncate); vacuum; pragma page_count; attach 'second.db' as s; create table s.copy as select * from t; select count(*) from s.copy; detach s;
.mode csv
.once out.csv
select * from t limit 10;
.shell cat out.csv; ls *.db*
.backup copy.db
.tables
select * from missing;
