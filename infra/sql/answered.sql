-- alone: one at a time counts what an account answered
select pg_advisory_xact_lock(hashtext('ledger.answered'), hashtext(%(account)s))

-- forget: what nothing is reckoned by any more
delete from ledger.answered
where account = %(account)s and at < clock_timestamp() - case when approved then interval '100 days' else interval '1 day' end

-- fresh: which of these answers were not counted yet
select a from unnest(%(answers)s::bytea[]) a
where not exists (select from ledger.answered d where d.account = %(account)s and d.answer = a)
  and not exists (select from ledger.answered d where d.content = %(content)s and d.approved and d.answer = a)

-- counted: how many an account gave alone within the hour, and within 24 hours
select count(*) filter (where at > clock_timestamp() - interval '1 hour'), count(*) from ledger.answered
where account = %(account)s and not approved and at > clock_timestamp() - interval '1 day'

-- let_in: how many a content brought in by an approval
select count(distinct answer) from ledger.answered where content = %(content)s and approved

-- save: they are counted
insert into ledger.answered (account, answer, content, approved)
select %(account)s, a, %(content)s, %(approved)s from unnest(%(answers)s::bytea[]) a

-- approvals: what was approved of a content and is not over, spent on it or not, held
select terms from ledger.proposal
where act = 'alerts.answer-bulk' and subject = %(content)s and until >= %(day)s
  and (state = 'done' or state = 'approved' and due <= %(day)s)
order by state desc, proposal for update
